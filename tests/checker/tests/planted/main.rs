//! The checker is checked: a good history passes, and every planted anomaly is found, by the rule it breaks.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod good;
mod planted;
mod replicas;
