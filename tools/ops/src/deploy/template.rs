//! The template that is deployed: the source's text with each function's revision in it.

use crate::deploy::revision::{BUILT, Function};
use anyhow::{Context, ensure};
use cloudformation::read_template;
use std::path::{Path, PathBuf};

/// The source.
pub const SOURCE: &str = "template.yaml";
/// What is written, in the folder of the repository.
pub const GENERATED: &str = "target/deploy/template.yaml";

/// Writes the generated template and returns its path.
pub fn write_generated(
    root: &Path,
    source: &str,
    functions: &[Function],
) -> anyhow::Result<PathBuf> {
    let path = root.join(GENERATED);
    let folder = path.parent().context("a folder")?;
    std::fs::create_dir_all(folder).context("target/deploy cannot be made")?;
    std::fs::write(&path, generate(source, functions)?)
        .with_context(|| format!("{GENERATED} cannot be written"))?;
    Ok(path)
}

/// Returns the text of the generated template; everything but revisions and folders is the source's.
fn generate(source: &str, functions: &[Function]) -> anyhow::Result<String> {
    let mut expected = read_template(source)?;
    let mut text = source.to_string();
    for Function { resource, folder, revision, .. } in functions {
        let properties = &mut expected["Resources"][resource]["Properties"];
        ensure!(
            properties["AutoPublishCodeSha256"].is_null(),
            "{resource} has a revision in {SOURCE} already"
        );
        // Read from the folder of the generated template.
        let uri = format!("../{}", (BUILT.to_string() + folder).trim_start_matches("target/"));
        properties["AutoPublishCodeSha256"] = revision.as_str().into();
        properties["CodeUri"] = uri.as_str().into();
        text = put_revision(&text, resource, revision, &uri)
            .with_context(|| format!("{SOURCE}: {resource} is not written as expected"))?;
    }
    ensure!(read_template(&text)? == expected, "{SOURCE} is not written as expected");
    Ok(text)
}

/// Changes the lines of one function; `None` where they are not found.
fn put_revision(text: &str, resource: &str, revision: &str, uri: &str) -> Option<String> {
    let head = format!("\n  {resource}:\n");
    let start = text.find(&head)? + head.len();
    let mut out = text[..start].to_string();
    let (mut is_inside, mut put) = (true, 0);
    for line in text[start..].split_inclusive('\n') {
        is_inside &= line.starts_with("   ") || line.trim().is_empty();
        if is_inside && line.starts_with("      CodeUri: ") {
            out.push_str(&format!(
                "      CodeUri: {uri}\n      AutoPublishCodeSha256: '{revision}'\n"
            ));
            put += 1;
        } else {
            out.push_str(line);
        }
    }
    (put == 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_template_differs_in_revision_and_folder_alone() {
        let source = include_str!("../../../../template.yaml");
        let document = read_template(source).unwrap();
        let resources = document["Resources"].as_object().unwrap();
        let functions: Vec<_> = resources
            .iter()
            .filter(|(_, entry)| entry["Type"] == crate::deploy::revision::FUNCTION)
            .map(|(resource, entry)| Function {
                resource: resource.clone(),
                folder: entry["Properties"]["CodeUri"].as_str().unwrap()[BUILT.len()..].to_string(),
                revision: format!("revision of {resource}"),
                salt: None,
                is_released: true,
            })
            .collect();
        assert!(functions.len() >= 6);
        let text = generate(source, &functions).unwrap();
        let mut kept = source.lines();
        let mut lines = text.lines().filter(|line| !line.contains("AutoPublishCodeSha256: '"));
        for line in lines.by_ref() {
            let source = kept.next().unwrap();
            assert!(line == source || line.replace("../", "target/") == source, "{line}");
        }
        assert_eq!((kept.next(), lines.next()), (None, None));
        let twice = generate(&text, &functions).unwrap_err().to_string();
        assert!(twice.contains("has a revision in template.yaml already"), "{twice}");
        let odd = source.replace("      CodeUri: target/functions/chat\n", "");
        assert!(generate(&odd, &functions).is_err());
    }
}
