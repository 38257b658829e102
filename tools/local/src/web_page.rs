//! What the pages for a browser have in common, the console's and a rehearsal's: frame, style and charts.

pub mod chart;

use maud::{DOCTYPE, Markup, html};

pub const STYLE: &str = include_str!("web_page/style.css");

/// Renders a whole page; `head` brings the style, as a link or itself.
pub fn render_page(title: &str, head: Markup, body: Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                (head)
            }
            body { (body) }
        }
    }
    .into_string()
}
