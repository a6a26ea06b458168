//! Whole brokers, from outside.
