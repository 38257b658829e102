//! What the answers of AWS's older services are made of: elements, and lists of `member`s.

use roxmltree::Node;

/// Returns the first element of this name.
pub fn find<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.descendants().find(|node| node.has_tag_name(name))
}

/// Returns the text of a direct child; empty where there is none.
pub fn child(node: Node, name: &str) -> String {
    let child = node.children().find(|node| node.has_tag_name(name));
    child.and_then(|child| child.text()).unwrap_or_default().to_string()
}

/// Returns the members of the first list of this name.
pub fn members<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Vec<Node<'a, 'b>> {
    let list = find(node, name);
    let children = list.into_iter().flat_map(|list| list.children());
    children.filter(|node| node.has_tag_name("member")).collect()
}
