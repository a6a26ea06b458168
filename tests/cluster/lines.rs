//! Lines that are produced and read back: every one once, in order.

use strandline_tests::harness::Cluster;

/// The lines `from` to `to`, exclusive, as `strand produce` reads them.
pub(crate) fn numbered(from: u64, to: u64) -> Vec<u8> {
    (from..to)
        .flat_map(|number| format!("line {number}\n").into_bytes())
        .collect()
}

/// Produces lines to partition 0; all of them must be acknowledged.
#[track_caller]
pub(crate) fn produce(cluster: &Cluster, topic: &str, from: u64, to: u64) {
    let arguments = ["produce", topic, "--partition", "0", "--timeout", "60s"];
    cluster.strand_in(&arguments, &numbered(from, to)).ok();
}

/// What partition 0 holds. Whoever consumes waits until somebody leads.
#[track_caller]
pub(crate) fn consumed(cluster: &Cluster, topic: &str) -> Vec<u8> {
    let arguments = [
        "consume",
        topic,
        "--partition",
        "0",
        "--from-beginning",
        "--until-end",
    ];
    cluster.strand(&arguments).ok().stdout
}

/// Partition 0 holds the lines 0 to `to`, exclusive, each once and in order.
#[track_caller]
pub(crate) fn all_there(cluster: &Cluster, topic: &str, to: u64) {
    let read = consumed(cluster, topic);
    let expected = numbered(0, to);
    if read != expected {
        let read = String::from_utf8_lossy(&read);
        let count = read.lines().count();
        let wrong = read
            .lines()
            .zip(0..)
            .find(|(line, number)| *line != format!("line {number}"));
        panic!("{count} lines of {to} are there; the first that is wrong: {wrong:?}");
    }
}
