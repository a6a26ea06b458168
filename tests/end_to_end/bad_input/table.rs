//! Reads the README's table of errors.

/// A line of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) what: String,
    /// `None` where no RPC is involved.
    pub(super) code: Option<String>,
    pub(super) reason: String,
    pub(super) exit: i32,
}

const HEAD: &str = "| what goes wrong | gRPC code | reason | exit code |";

pub(super) fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(path).expect("there is a README");
    let table = readme
        .lines()
        .skip_while(|line| *line != HEAD)
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = table.map(row).collect();
    assert!(
        rows.len() > 10,
        "the README has a table with the head `{HEAD}`"
    );
    rows
}

fn row(line: &str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [what, code, reason, exit] = cells[..] else {
        panic!("a line of the table has four cells: {line}");
    };
    let name = |cell: &str| cell.trim_matches('`').to_owned();
    Row {
        what: what.to_owned(),
        code: (code != "–").then(|| name(code)),
        reason: name(reason),
        exit: exit
            .parse()
            .unwrap_or_else(|_| panic!("an exit code is a number: {line}")),
    }
}
