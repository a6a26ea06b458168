//! Builds `v1::Error` and turns it into a status and back.

mod of_model;

use std::fmt;

use model::{PartitionIndex, TopicName};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::reason::{ExitClass, Reason, Retry};
use crate::v1;

/// The domain of our reasons in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "strandline";

impl v1::Error {
    /// An error with no facts yet. The message says what happened, the limit, and what to do.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code: reason.code() as i32,
            reason: reason.as_str().to_owned(),
            message: message.into(),
            metadata: Default::default(),
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.metadata.insert(name.to_owned(), value.to_string());
        self
    }

    /// Says which topic it is about, in the facts and, where the message does not name it, there too.
    #[must_use]
    pub fn in_topic(mut self, topic: &str) -> Self {
        if !self.message.contains(topic) {
            self.message = format!("topic `{topic}`: {}", self.message);
        }
        self.with("topic", topic)
    }

    /// Says which partition it is about, in the facts and, where the message does not name it, there too.
    #[must_use]
    pub fn in_partition(mut self, topic: &TopicName, partition: PartitionIndex) -> Self {
        let names_it = self.message.contains(topic.as_str()) && self.message.contains("partition");
        if !names_it {
            self.message = format!("topic `{topic}`, partition {partition}: {}", self.message);
        }
        self.with("topic", topic).with("partition", partition)
    }

    /// The error that a status carries. Without `ErrorInfo` of ours (a proxy's status, say) the reason is empty.
    pub fn from_status(status: &Status) -> Self {
        let info = status
            .get_details_error_info()
            .filter(|info| info.domain == DOMAIN);
        let (reason, metadata) =
            info.map_or_else(Default::default, |info| (info.reason, info.metadata));
        Self {
            code: status.code() as i32,
            reason,
            message: status.message().to_owned(),
            metadata,
        }
    }

    /// The gRPC code.
    pub fn grpc_code(&self) -> Code {
        Code::from_i32(self.code)
    }

    /// The reason; `None` where there is none, or one that this version does not know.
    pub fn known_reason(&self) -> Option<Reason> {
        Reason::of_name(&self.reason)
    }

    /// What a script makes of it.
    pub fn exit_class(&self) -> ExitClass {
        self.known_reason()
            .map_or_else(|| ExitClass::of_code(self.grpc_code()), Reason::exit_class)
    }

    /// Whether to try again. Where the reason is not known, what is unavailable may have been done or not.
    pub fn retry(&self) -> Retry {
        match (self.known_reason(), self.grpc_code()) {
            (Some(reason), _) => reason.retry(),
            (None, Code::Unavailable | Code::Aborted | Code::DeadlineExceeded) => {
                Retry::OnlyIfIdempotent
            }
            (None, _) => Retry::Never,
        }
    }
}

impl fmt::Display for v1::Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for v1::Error {}

impl From<v1::Error> for Status {
    fn from(error: v1::Error) -> Self {
        let code = error.grpc_code();
        let details = ErrorDetails::with_error_info(error.reason, DOMAIN, error.metadata);
        Status::with_error_details(code, error.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_way_through_a_status() {
        let error = v1::Error::new(Reason::UnknownTopic, "there is no topic `größe`")
            .in_topic("größe")
            .with("offset", 7);
        let status = Status::from(error.clone());
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(v1::Error::from_status(&status), error);
        assert_eq!(error.known_reason(), Some(Reason::UnknownTopic));
        assert_eq!(error.exit_class().exit_code(), 3);
    }

    #[test]
    fn a_status_of_someone_else_is_classed_by_its_code() {
        let error = v1::Error::from_status(&Status::unavailable("connection refused"));
        assert_eq!(error.reason, "");
        assert_eq!(error.exit_class(), ExitClass::Unavailable);
        assert_eq!(error.retry(), Retry::OnlyIfIdempotent);
    }

    #[test]
    fn the_partition_is_named_once() {
        let topic = TopicName::new("t").unwrap();
        let error = v1::Error::new(Reason::CorruptBatch, "the CRC is wrong");
        let error = error.in_partition(&topic, PartitionIndex::new(3));
        assert_eq!(error.message, "topic `t`, partition 3: the CRC is wrong");
        let again = error.clone().in_partition(&topic, PartitionIndex::new(3));
        assert_eq!(again, error);
    }
}
