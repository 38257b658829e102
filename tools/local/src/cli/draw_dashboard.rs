//! `cargo run -- dashboard --out FILE`.

use crate::build::{Build, build_functions};
use crate::dashboard::{Scale, draw_dashboard, read_widgets, rehearse};
use crate::template;
use anyhow::Context;
use std::path::Path;

/// Rehearses, draws and writes the picture.
pub(super) async fn write_picture(file: &Path) -> anyhow::Result<()> {
    let widgets = read_widgets(template::TEXT, &[])?;
    build_functions(Build::Debug)?;
    let recording = rehearse(Build::Debug, Scale::WHOLE).await?;
    let picture = draw_dashboard(&widgets, &recording)?;
    std::fs::write(file, picture).with_context(|| format!("cannot write {}", file.display()))
}
