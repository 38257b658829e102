//! Colours, on a terminal alone: a file or a pipe gets the bare text.

use std::io::IsTerminal;

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Colour {
    Green,
    Red,
    Yellow,
    Grey,
    Bold,
}

/// Where a text goes.
#[derive(Clone, Copy)]
pub enum Stream {
    Out,
    Err,
}

/// Colours a text, if it goes to a terminal and nobody has asked for none (NO_COLOR).
pub fn paint(text: &str, colour: Colour, stream: Stream) -> String {
    if !has_colours(stream) {
        return text.to_string();
    }
    let code = match colour {
        Colour::Green => "32",
        Colour::Red => "31",
        Colour::Yellow => "33",
        Colour::Grey => "90",
        Colour::Bold => "1",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

fn has_colours(stream: Stream) -> bool {
    let is_terminal = match stream {
        Stream::Out => std::io::stdout().is_terminal(),
        Stream::Err => std::io::stderr().is_terminal(),
    };
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_terminal && !is_set("NO_COLOR") && std::env::var("TERM").is_ok_and(|term| term != "dumb")
}
