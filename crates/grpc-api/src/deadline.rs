//! The client's deadline: the `grpc-timeout` header. An answer is sent a little earlier, so that it arrives.

use std::time::Duration;

use rpc::{Reason, v1};
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// How much of the time is kept back for the way to the client.
const KEPT_BACK_MAX: Duration = Duration::from_millis(100);

/// When a call must be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// The deadline of a call that has just come in.
    pub(crate) fn of(metadata: &MetadataMap) -> Self {
        let header = metadata.get("grpc-timeout");
        let timeout = header.and_then(|value| parse(value.as_bytes()));
        Self(timeout.and_then(|timeout| {
            let kept_back = (timeout / 10).min(KEPT_BACK_MAX);
            Instant::now().checked_add(timeout - kept_back)
        }))
    }

    /// Does `work`; `None` where the deadline comes first, and `work` is dropped then.
    pub(crate) async fn bound<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.0 {
            None => Some(work.await),
            Some(at) => tokio::time::timeout_at(at, work).await.ok(),
        }
    }

    /// As [`Deadline::bound`], with an error that says so.
    pub(crate) async fn or_fail<T>(
        self,
        work: impl Future<Output = Result<T, v1::Error>>,
    ) -> Result<T, v1::Error> {
        self.bound(work).await.unwrap_or_else(|| {
            let message = "the deadline passed before there was an answer; what was asked for may have been done or \
                           not: look, or try again with a longer deadline";
            Err(v1::Error::new(Reason::DeadlineExceeded, message))
        })
    }

    /// How much time is left; `None`: any.
    pub(crate) fn left(self) -> Option<Duration> {
        self.0
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// How long something may wait that wants to wait for `wanted`.
    pub(crate) fn cut(self, wanted: Duration) -> Duration {
        self.0.map_or(wanted, |at| {
            wanted.min(at.saturating_duration_since(Instant::now()))
        })
    }
}

/// At most 8 digits and a unit. Source: "gRPC over HTTP2", Timeout.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let count: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(count * 60 * 60)),
        b'M' => Some(Duration::from_secs(count * 60)),
        b'S' => Some(Duration::from_secs(count)),
        b'm' => Some(Duration::from_millis(count)),
        b'u' => Some(Duration::from_micros(count)),
        b'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit_and_nonsense_is_none() {
        assert_eq!(parse(b"30S"), Some(Duration::from_secs(30)));
        assert_eq!(parse(b"1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(
            parse(b"99999999H"),
            Some(Duration::from_secs(99_999_999 * 3600))
        );
        for nonsense in [&b""[..], b"S", b"123456789S", b"-1S", b"1x", b"1.5S"] {
            assert_eq!(parse(nonsense), None, "{nonsense:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_fails_before_the_deadline() {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", "1S".parse().unwrap());
        let started = Instant::now();
        let never = std::future::pending::<Result<(), v1::Error>>();
        let error = Deadline::of(&metadata).or_fail(never).await.unwrap_err();
        assert_eq!(error.reason, "DEADLINE_EXCEEDED");
        assert_eq!(started.elapsed(), Duration::from_millis(900));
    }
}
