//! strand
fn main() {}
