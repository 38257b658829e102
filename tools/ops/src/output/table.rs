//! Tables of at most 80 columns: cells that are too long go on in the next line.

/// Columns of a table, at most.
pub const WIDTH: usize = 80;
/// No column gets narrower.
const NARROWEST: usize = 8;
const GAP: usize = 2;

/// Writes rows under their titles, each column as wide as it must be and the table has room for.
pub fn write_table(titles: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let titles = titles.iter().map(|title| title.to_string()).collect();
    let rows: Vec<Vec<String>> = [titles].into_iter().chain(rows).collect();
    let widths = fit_widths(&rows);
    rows.iter().map(|row| write_row(row, &widths)).collect()
}

fn fit_widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.first().map(Vec::len).unwrap_or_default();
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let mut widths: Vec<_> =
        (0..columns).map(|column| widest(column).unwrap_or_default()).collect();
    // Words stay whole, so that they can be copied, until there is no other way.
    let words = |column: usize| rows.iter().map(|row| longest_word(&row[column])).max();
    let words: Vec<_> = (0..columns).map(|column| words(column).unwrap_or_default()).collect();
    narrow_to(&mut widths, &words);
    narrow_to(&mut widths, &vec![NARROWEST; columns]);
    widths
}

/// Narrows the widest columns down to these, as far as the table needs it.
fn narrow_to(widths: &mut [usize], least: &[usize]) {
    let room = WIDTH - GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() > room {
        let wider = widths.iter_mut().zip(least).filter(|(width, least)| **width > **least);
        let Some((width, _)) = wider.max_by_key(|(width, _)| **width) else { return };
        *width -= 1;
    }
}

/// Counts the letters of the longest piece that a line does not break.
fn longest_word(cell: &str) -> usize {
    let pieces = cell.split_inclusive([' ', ',']);
    pieces.map(|piece| piece.trim_end().chars().count()).max().unwrap_or_default()
}

fn write_row(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    let mut text = String::new();
    for line in 0..height {
        let parts = cells.iter().zip(widths).map(|(cell, width)| {
            let part = cell.get(line).map(String::as_str).unwrap_or_default();
            format!("{part:<width$}")
        });
        text += parts.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end();
        text.push('\n');
    }
    text
}

/// Cuts a text into lines of this width: behind a space or a comma, or else anywhere.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in text.split_inclusive([' ', ',']) {
        let mut piece: Vec<char> = piece.chars().collect();
        let used = lines.last().map(|line| line.chars().count()).unwrap_or_default();
        let needed = piece.iter().rposition(|c| *c != ' ').map_or(0, |at| at + 1);
        if used > 0 && used + needed > width {
            lines.push(String::new());
        }
        while piece.len() > width && needed > width {
            let rest = piece.split_off(width);
            if let Some(line) = lines.last_mut() {
                line.extend(piece);
            }
            lines.push(String::new());
            piece = rest;
        }
        if let Some(line) = lines.last_mut() {
            line.extend(piece);
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["longer", "x"], ["y", ""]].map(|row| row.map(str::to_string).to_vec());
        assert_eq!(write_table(&["A", "B"], rows.into_iter()), "A       B\nlonger  x\ny\n");
    }

    #[test]
    fn long_cells_go_on_within_eighty_columns() {
        let models = ["command-a-03-2025"; 9].join(",");
        let row = vec!["client".to_string(), models.clone(), "x".repeat(100)];
        let text = write_table(&["NAME", "MODELS", "HASH"], [row].into_iter());
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.matches("command-a-03-2025").count(), 9, "{text}");
        assert_eq!(text.matches('x').count(), 100, "{text}");
        let day = "2999-12-31T23:59:59Z";
        let row = [vec!["client".into(), models, day.into(), day.into()]];
        let text = write_table(&["NAME", "MODELS", "FROM", "TO"], row.into_iter());
        assert_eq!(text.matches(day).count(), 2, "{text}");
        assert_eq!(wrap("a bc, d", 3), ["a", "bc,", "d"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("abcdefg", 3), ["abc", "def", "g"]);
    }
}
