//! Checks requests to read.

use broker::{FetchPartition, FetchRequest, OffsetAt, OffsetQuery};
use model::TopicName;
use rpc::v1::offset_query::Position;
use rpc::{InvalidField, v1};

use super::Asked;

/// What a fetch answers where the client does not say: gRPC clients take messages of 4 MiB if nobody tells them else.
pub(super) const BYTES_MAX_DEFAULT: u64 = 3 << 20;
/// What a result takes beside its records, a long topic name included.
const RESULT_BYTES: u64 = 512;

/// A fetch that makes sense.
pub(crate) struct Wanted {
    pub(crate) fetch: FetchRequest,
    pub(super) asked: Vec<Asked>,
    pub(super) format: v1::RecordFormat,
    /// Most bytes of the response's records.
    pub(crate) bytes_max: u64,
}

/// Checks a fetch.
pub(crate) fn fetch(
    request: v1::FetchRequest,
    message_bytes_max: usize,
) -> Result<Wanted, v1::Error> {
    let (partitions, asked) = partitions(&request.partitions)?;
    let format = v1::RecordFormat::read("format", request.format)?;
    v1::IsolationLevel::read("isolation", request.isolation)?;
    let bytes_asked = rpc::bytes("max_bytes", request.max_bytes)?;
    let bytes_max = bytes_max(bytes_asked, partitions.len(), message_bytes_max)?;
    let fetch = FetchRequest {
        partitions,
        wait_max: rpc::millis("max_wait_ms", request.max_wait_ms)?,
        bytes_min: rpc::bytes("min_bytes", request.min_bytes)?.min(bytes_max),
        bytes_max: Some(bytes_max),
    };
    Ok(Wanted {
        fetch,
        asked,
        format,
        bytes_max,
    })
}

/// Checks which partitions are to be read.
pub(super) fn partitions(
    wanted: &[v1::FetchPartition],
) -> Result<(Vec<FetchPartition>, Vec<Asked>), v1::Error> {
    if wanted.is_empty() {
        return Err(InvalidField::missing("partitions", "at least one partition").into());
    }
    let one = |(place, wanted): (usize, &v1::FetchPartition)| {
        let within = |error: InvalidField| error.within(format_args!("partitions[{place}]"));
        let topic = TopicName::new(&wanted.topic)?;
        let partition = rpc::partition("partition", wanted.partition).map_err(within)?;
        let offset = rpc::offset("offset", wanted.offset).map_err(within)?;
        let bytes_max = rpc::bytes("max_bytes", wanted.max_bytes).map_err(within)?;
        let asked = Asked {
            topic: topic.clone(),
            partition,
            offset,
        };
        let fetch = FetchPartition {
            topic,
            partition,
            offset,
            bytes_max: (bytes_max > 0).then_some(bytes_max),
        };
        Ok((fetch, asked))
    };
    wanted.iter().enumerate().map(one).collect()
}

/// How many bytes of records a response may have.
pub(super) fn bytes_max(
    asked: u64,
    partitions: usize,
    message_bytes_max: usize,
) -> Result<u64, InvalidField> {
    let limit = message_bytes_max as u64;
    let beside = (partitions as u64).saturating_mul(RESULT_BYTES);
    if beside > limit / 2 {
        let expected = format!(
            "at most {}: the answer must fit a message",
            limit / 2 / RESULT_BYTES
        );
        return Err(InvalidField::new(
            "partitions",
            format_args!("{partitions} partitions"),
            expected,
        ));
    }
    let asked = if asked == 0 { BYTES_MAX_DEFAULT } else { asked };
    Ok(asked.min(limit - beside))
}

/// Checks queries for offsets.
pub(crate) fn list_offsets(
    request: &v1::ListOffsetsRequest,
) -> Result<Vec<OffsetQuery>, v1::Error> {
    v1::IsolationLevel::read("isolation", request.isolation)?;
    if request.queries.is_empty() {
        return Err(InvalidField::missing("queries", "at least one query").into());
    }
    let one = |(place, query): (usize, &v1::OffsetQuery)| {
        let within = |error: InvalidField| error.within(format_args!("queries[{place}]"));
        let at = match query.position {
            Some(Position::Earliest(_)) => OffsetAt::Earliest,
            Some(Position::Latest(_)) => OffsetAt::Latest,
            Some(Position::TimestampMs(millis)) => OffsetAt::Timestamp(rpc::timestamp(millis)),
            None => {
                let expected = "one of `earliest`, `latest` and `timestamp_ms`";
                return Err(within(InvalidField::missing("position", expected)).into());
            }
        };
        Ok(OffsetQuery {
            topic: TopicName::new(&query.topic)?,
            partition: rpc::partition("partition", query.partition).map_err(within)?,
            at,
        })
    };
    request.queries.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 16 << 20;

    fn request() -> v1::FetchRequest {
        v1::FetchRequest {
            partitions: vec![v1::FetchPartition {
                topic: "t".to_owned(),
                ..v1::FetchPartition::default()
            }],
            ..v1::FetchRequest::default()
        }
    }

    fn refused(request: v1::FetchRequest) -> (String, String) {
        let error = fetch(request, LIMIT).err().unwrap();
        let field = error.metadata.get("field").cloned().unwrap_or_default();
        (error.reason, field)
    }

    #[test]
    fn every_negative_size_is_refused_by_its_name() {
        let invalid = |field: &str| ("INVALID_FIELD".to_owned(), field.to_owned());
        let with = |change: fn(&mut v1::FetchRequest)| {
            let mut request = request();
            change(&mut request);
            refused(request)
        };
        assert_eq!(with(|r| r.max_bytes = -1), invalid("max_bytes"));
        assert_eq!(with(|r| r.min_bytes = -1), invalid("min_bytes"));
        assert_eq!(with(|r| r.max_wait_ms = -1), invalid("max_wait_ms"));
        assert_eq!(with(|r| r.format = 7), invalid("format"));
        assert_eq!(with(|r| r.isolation = 2), invalid("isolation"));
        assert_eq!(with(|r| r.partitions.clear()), invalid("partitions"));
        assert_eq!(
            with(|r| r.partitions[0].offset = -1),
            invalid("partitions[0].offset")
        );
        assert_eq!(
            with(|r| r.partitions[0].max_bytes = -1),
            invalid("partitions[0].max_bytes")
        );
        assert_eq!(
            with(|r| r.partitions[0].partition = -1),
            invalid("partitions[0].partition")
        );
        let name = with(|r| r.partitions[0].topic = "../x".to_owned());
        assert_eq!(name.0, "INVALID_TOPIC_NAME");
    }

    #[test]
    fn the_answer_fits_the_message_limit_whatever_was_asked_for() {
        let wanted = fetch(request(), LIMIT).ok().unwrap();
        assert_eq!(wanted.bytes_max, BYTES_MAX_DEFAULT);
        assert!(bytes_max(u64::MAX, 100, LIMIT).unwrap() < LIMIT as u64);
        assert!(bytes_max(0, 100_000, LIMIT).is_err());
    }
}
