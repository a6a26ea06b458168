//! The public gRPC API, onto the broker.
//!
//! ```text
//! routes ── the services, health, reflection; bulk ── their bulk calls, without copies
//!   ├─ producer   session: batches in, results out in order ◀── unary calls and streams alike
//!   ├─ consumer   fetch, subscribe, list offsets; plain: stored batches to records
//!   ├─ topic      topics, partitions, deleting records
//!   └─ cluster    the cluster, its brokers, where partitions are
//! forward ── passes requests on to leaders, once
//! failure ── the one place that knows which reason each error of the broker has
//! ```
//! It knows protobuf and the broker's requests and answers; it opens no socket, and nothing of Kafka's protocol.

mod broken_message;
mod bulk;
mod cluster;
mod codec_jobs;
mod consumer;
mod deadline;
mod failure;
mod forward;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod held_body;
mod meters;
mod producer;
mod routes;
mod settings;
mod stop;
mod topic;
mod transport;

pub use health::{LIVENESS, SERVICES, STARTUP, set_serving, set_started};
pub use routes::{Api, routes};
pub use settings::Settings;
pub use stop::Stop;
pub use transport::tuned;
