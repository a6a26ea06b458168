//! A broker with topics that bad input must not harm.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use rpc::v1::produce_batch::Payload;
use rpc::v1::{Error, FetchPartition, FetchRequest, ProduceBatch};
use strandline_tests::harness::{Api, Broker, Ran};
use tokio::runtime::Runtime;
use tonic::{Code, Status};

/// A topic with three records, the first of which was deleted.
pub(super) const SOUND: &str = "sound";

/// A topic that takes batches of up to 1,000 bytes.
pub(super) const SMALL: &str = "small";

/// What bad input was answered.
#[derive(Debug)]
pub(super) enum Seen {
    /// An RPC or a partition of it failed.
    Status {
        code: String,
        reason: String,
        #[allow(dead_code, reason = "shown when the test fails")]
        message: String,
    },
    /// A command failed; the reason is empty where it tells none.
    Exit {
        code: i32,
        reason: String,
        #[allow(dead_code, reason = "shown when the test fails")]
        stderr: String,
    },
}

pub(super) struct Stage {
    pub(super) broker: Broker,
    runtime: Runtime,
    api: Api,
}

impl Stage {
    pub(super) fn open() -> Self {
        let broker = Broker::start();
        broker.strand(&["topic", "create", SOUND]).ok();
        broker
            .strand(&[
                "topic",
                "create",
                SMALL,
                "--config",
                "max.message.bytes=1000",
            ])
            .ok();
        broker
            .strand_in(&["produce", SOUND], b"gone\nsecond\nthird\n")
            .ok();
        broker
            .strand(&[
                "topic",
                "delete-records",
                SOUND,
                "--partition",
                "0",
                "--before",
                "1",
            ])
            .ok();
        let runtime = Runtime::new().expect("a runtime starts");
        let api = runtime
            .block_on(Api::connect(broker.grpc()))
            .expect("the broker listens");
        Self {
            broker,
            runtime,
            api,
        }
    }

    /// After all the bad input, the good is as it was, and the broker takes more of it.
    pub(super) fn assert_that_nothing_was_lost(&self) {
        self.broker.strand_in(&["produce", SOUND], b"fourth\n").ok();
        let read = self
            .broker
            .strand(&["consume", SOUND, "--from-beginning", "--until-end"])
            .ok();
        assert_eq!(read.text(), "second\nthird\nfourth\n");
    }

    /// A `strand` command that fails.
    pub(super) fn command(&self, arguments: &[&str], stdin: &[u8]) -> Seen {
        Seen::of_command(
            self.broker
                .strand_in(&[arguments, &["--json"]].concat(), stdin),
        )
    }

    /// A call that fails as a whole.
    pub(super) fn call<T, F>(&self, call: impl FnOnce(Api) -> F) -> Seen
    where
        T: std::fmt::Debug,
        F: Future<Output = Result<T, Status>>,
    {
        match self.runtime.block_on(call(self.api.clone())) {
            Ok(answer) => Seen::of_error(&Error {
                message: format!("{answer:?}"),
                ..Error::default()
            }),
            Err(status) => Seen::of_error(&Error::from_status(&status)),
        }
    }

    /// Produces a batch that is refused, alone or as a whole call.
    pub(super) fn produce(&self, batch: ProduceBatch) -> Seen {
        let answer = self.runtime.block_on(self.api.clone().produce(batch));
        match answer {
            Ok(result) => Seen::of_error(&result.error.unwrap_or_default()),
            Err(status) => Seen::of_error(&Error::from_status(&status)),
        }
    }

    /// Produces an encoded batch that is refused.
    pub(super) fn encoded(&self, bytes: Bytes) -> Seen {
        self.produce(encoded(SOUND, bytes))
    }

    /// Produces an encoded batch to a new topic, which is taken: the broker does not look into records.
    pub(super) fn store(&self, topic: &str, bytes: Bytes) {
        let taken = self
            .runtime
            .block_on(self.api.clone().produce(encoded(topic, bytes)));
        assert_eq!(taken.expect("it is answered").error, None);
    }

    /// Fetches from where nothing can be fetched.
    pub(super) fn fetch(&self, topic: &str, partition: i32, offset: i64) -> Seen {
        let from = FetchPartition {
            topic: topic.to_owned(),
            partition,
            offset,
            max_bytes: 0,
        };
        let answer = self
            .runtime
            .block_on(self.api.clone().fetch(from, Duration::ZERO));
        match answer {
            Ok(result) => Seen::of_error(&result.error.unwrap_or_default()),
            Err(status) => Seen::of_error(&Error::from_status(&status)),
        }
    }

    /// A fetch of the sound topic, changed.
    pub(super) fn fetch_with(&self, change: impl FnOnce(&mut FetchRequest)) -> Seen {
        let from = FetchPartition {
            topic: SOUND.to_owned(),
            partition: 0,
            offset: 1,
            max_bytes: 0,
        };
        let mut request = FetchRequest {
            partitions: vec![from],
            ..FetchRequest::default()
        };
        change(&mut request);
        self.call(|mut api| async move {
            let answer = api.consumer.fetch(request).await?.into_inner();
            match answer.results.into_iter().find_map(|result| result.error) {
                Some(error) => Err(status_of(&error)),
                None => Ok(()),
            }
        })
    }
}

/// A partition's error as the status that the call would have had.
pub(super) fn status_of(error: &Error) -> Status {
    use tonic_types::{ErrorDetails, StatusExt};
    let details = ErrorDetails::with_error_info(&error.reason, rpc::DOMAIN, error.metadata.clone());
    Status::with_error_details(Code::from(error.code), &error.message, details)
}

fn encoded(topic: &str, bytes: Bytes) -> ProduceBatch {
    ProduceBatch {
        topic: topic.to_owned(),
        partition: Some(0),
        payload: Some(Payload::Encoded(bytes)),
        expected_base_offset: None,
    }
}

impl Seen {
    fn of_error(error: &Error) -> Self {
        Self::Status {
            code: name(Code::from(error.code)),
            reason: error.reason.clone(),
            message: error.message.clone(),
        }
    }

    pub(super) fn of_command(ran: Ran) -> Self {
        let last = ran.stderr.lines().last().unwrap_or_default();
        let error: Option<serde_json::Value> = serde_json::from_str(last).ok();
        let reason = error
            .as_ref()
            .and_then(|error| error["reason"].as_str())
            .unwrap_or_default()
            .to_owned();
        Self::Exit {
            code: ran.code,
            reason,
            stderr: ran.stderr,
        }
    }
}

/// `InvalidArgument` as `INVALID_ARGUMENT`.
fn name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
