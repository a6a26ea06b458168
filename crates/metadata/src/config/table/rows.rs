//! The rows of the table. Sorted by name: [`super::row`] searches by halves.

use model::limits::BATCH_BYTES_LIMIT;

use super::{ConfigEffect, ConfigKind, ConfigRow};

const NO_RECOMPRESSION: &str = "the broker never recompresses";
const NO_COMPACTION: &str = "compaction does not exist yet";
const NO_TIERS: &str = "tiered storage does not exist yet";
const NO_THROTTLE: &str = "replication is not throttled by replica";
const FLUSH: &str =
    "syncs are governed by `durability`: with `fsync` every acknowledged record is synced";

/// Every topic config, sorted by name.
pub const TOPIC_CONFIGS: &[ConfigRow] = &[
    ConfigRow {
        name: "cleanup.policy",
        kind: ConfigKind::List(&["compact", "delete"]),
        default: Some("delete"),
        effect: ConfigEffect::HonouredFor {
            value: "delete",
            otherwise: "stored; compaction does not exist yet, and such a topic is never trimmed by time or size",
        },
        documentation: "What becomes of old segments: `delete` removes them by time and size; `compact` keeps the last record of each key. An empty list keeps everything.",
    },
    ConfigRow {
        name: "compression.gzip.level",
        kind: ConfigKind::Choice(&["-1", "1", "2", "3", "4", "5", "6", "7", "8", "9"]),
        default: Some("-1"),
        effect: ConfigEffect::StoredWithoutEffect(NO_RECOMPRESSION),
        documentation: "The level of gzip, where the broker compresses.",
    },
    ConfigRow {
        name: "compression.lz4.level",
        kind: ConfigKind::Integer { min: 1, max: 17 },
        default: Some("9"),
        effect: ConfigEffect::StoredWithoutEffect(NO_RECOMPRESSION),
        documentation: "The level of lz4, where the broker compresses.",
    },
    ConfigRow {
        name: "compression.type",
        kind: ConfigKind::Choice(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        default: Some("producer"),
        effect: ConfigEffect::HonouredFor {
            value: "producer",
            otherwise: "stored; the broker never recompresses: batches stay as their producer sent them",
        },
        documentation: "The codec batches are stored with; `producer` keeps the producer's.",
    },
    ConfigRow {
        name: "compression.zstd.level",
        kind: ConfigKind::Integer {
            min: -131072,
            max: 22,
        },
        default: Some("3"),
        effect: ConfigEffect::StoredWithoutEffect(NO_RECOMPRESSION),
        documentation: "The level of zstd, where the broker compresses.",
    },
    ConfigRow {
        name: "delete.retention.ms",
        kind: ConfigKind::Integer {
            min: 0,
            max: i64::MAX,
        },
        default: Some("86400000"),
        effect: ConfigEffect::StoredWithoutEffect(NO_COMPACTION),
        documentation: "How long compaction keeps the marker of a deleted key, in milliseconds.",
    },
    ConfigRow {
        name: "durability",
        kind: ConfigKind::Choice(&["fsync", "page-cache"]),
        default: Some("fsync"),
        effect: ConfigEffect::Honoured,
        documentation: "When a record counts as acknowledged: `fsync`, a quorum has it on disk; `page-cache`, a quorum has written but not synced it (what Kafka promises): faster, lost by a power cut. Not in Kafka.",
    },
    ConfigRow {
        name: "file.delete.delay.ms",
        kind: ConfigKind::Integer {
            min: 0,
            max: i64::MAX,
        },
        default: Some("60000"),
        effect: ConfigEffect::StoredWithoutEffect(
            "segments are unlinked at once; a reader that holds one goes on reading it",
        ),
        documentation: "How long a deleted segment's file stays, in milliseconds.",
    },
    ConfigRow {
        name: "flush.messages",
        kind: ConfigKind::Integer {
            min: 1,
            max: i64::MAX,
        },
        default: Some("9223372036854775807"),
        effect: ConfigEffect::StoredWithoutEffect(FLUSH),
        documentation: "Sync after this many records.",
    },
    ConfigRow {
        name: "flush.ms",
        kind: ConfigKind::Integer {
            min: 0,
            max: i64::MAX,
        },
        default: Some("9223372036854775807"),
        effect: ConfigEffect::StoredWithoutEffect(FLUSH),
        documentation: "Sync after this time, in milliseconds.",
    },
    ConfigRow {
        name: "follower.replication.throttled.replicas",
        kind: ConfigKind::ReplicaList,
        default: Some(""),
        effect: ConfigEffect::StoredWithoutEffect(NO_THROTTLE),
        documentation: "Replicas whose fetching of entries is throttled, as partition:broker pairs or `*`.",
    },
    ConfigRow {
        name: "index.interval.bytes",
        kind: ConfigKind::Integer {
            min: 0,
            max: i32::MAX as i64,
        },
        default: Some("4096"),
        effect: ConfigEffect::Honoured,
        documentation: "How many bytes lie between two entries of a segment's index; from there a lookup reads on, header by header.",
    },
    ConfigRow {
        name: "leader.replication.throttled.replicas",
        kind: ConfigKind::ReplicaList,
        default: Some(""),
        effect: ConfigEffect::StoredWithoutEffect(NO_THROTTLE),
        documentation: "Replicas whose sending of entries is throttled, as partition:broker pairs or `*`.",
    },
    ConfigRow {
        name: "local.retention.bytes",
        kind: ConfigKind::Integer {
            min: -2,
            max: i64::MAX,
        },
        default: Some("-2"),
        effect: ConfigEffect::StoredWithoutEffect(NO_TIERS),
        documentation: "The most bytes of a partition kept on local disks; -2 means retention.bytes.",
    },
    ConfigRow {
        name: "local.retention.ms",
        kind: ConfigKind::Integer {
            min: -2,
            max: i64::MAX,
        },
        default: Some("-2"),
        effect: ConfigEffect::StoredWithoutEffect(NO_TIERS),
        documentation: "How long segments stay on local disks, in milliseconds; -2 means retention.ms.",
    },
    ConfigRow {
        name: "max.compaction.lag.ms",
        kind: ConfigKind::Integer {
            min: 1,
            max: i64::MAX,
        },
        default: Some("9223372036854775807"),
        effect: ConfigEffect::StoredWithoutEffect(NO_COMPACTION),
        documentation: "The longest time a record may stay uncompacted, in milliseconds.",
    },
    ConfigRow {
        name: "max.message.bytes",
        kind: ConfigKind::Integer {
            min: 0,
            max: BATCH_BYTES_LIMIT.cast_signed(),
        },
        default: Some("1048588"),
        effect: ConfigEffect::Honoured,
        documentation: "The largest batch accepted, compressed as it is, with its header, in bytes. At most 64 MiB (Kafka: 2 GiB).",
    },
    ConfigRow {
        name: "message.downconversion.enable",
        kind: ConfigKind::Boolean,
        default: Some("true"),
        effect: ConfigEffect::StoredWithoutEffect(
            "there is one batch format only, as in Kafka 4, where this config has no effect either",
        ),
        documentation: "Whether batches are converted for clients of old formats.",
    },
    ConfigRow {
        name: "message.timestamp.after.max.ms",
        kind: ConfigKind::Integer {
            min: 0,
            max: i64::MAX,
        },
        default: Some("3600000"),
        effect: ConfigEffect::Honoured,
        documentation: "How far a record's timestamp may lie after the broker's clock, in milliseconds; later ones are refused. A timestamp far in the future would keep its segment for ever.",
    },
    ConfigRow {
        name: "message.timestamp.before.max.ms",
        kind: ConfigKind::Integer {
            min: 0,
            max: i64::MAX,
        },
        default: Some("9223372036854775807"),
        effect: ConfigEffect::Honoured,
        documentation: "How far a record's timestamp may lie before the broker's clock, in milliseconds; earlier ones are refused.",
    },
    ConfigRow {
        name: "message.timestamp.type",
        kind: ConfigKind::Choice(&["CreateTime", "LogAppendTime"]),
        default: Some("CreateTime"),
        effect: ConfigEffect::Honoured,
        documentation: "Who sets the timestamps: the producer (`CreateTime`) or the broker at the append (`LogAppendTime`).",
    },
    ConfigRow {
        name: "min.cleanable.dirty.ratio",
        kind: ConfigKind::Ratio,
        default: Some("0.5"),
        effect: ConfigEffect::StoredWithoutEffect(NO_COMPACTION),
        documentation: "The share of uncompacted bytes from which a log is compacted.",
    },
    ConfigRow {
        name: "min.compaction.lag.ms",
        kind: ConfigKind::Integer {
            min: 0,
            max: i64::MAX,
        },
        default: Some("0"),
        effect: ConfigEffect::StoredWithoutEffect(NO_COMPACTION),
        documentation: "The shortest time a record stays uncompacted, in milliseconds.",
    },
    ConfigRow {
        name: "min.insync.replicas",
        kind: ConfigKind::Integer {
            min: 1,
            max: i32::MAX as i64,
        },
        default: None,
        effect: ConfigEffect::Honoured,
        documentation: "How many replicas hold a record before it is acknowledged. Always the quorum of the topic's replicas, and reported so: a smaller value is stored, a larger one refused (Kafka's default is 1).",
    },
    ConfigRow {
        name: "preallocate",
        kind: ConfigKind::Boolean,
        default: Some("false"),
        effect: ConfigEffect::StoredWithoutEffect("space is always reserved ahead, in steps"),
        documentation: "Whether a new segment's file is reserved at its full size.",
    },
    ConfigRow {
        name: "remote.copy.lag.bytes",
        kind: ConfigKind::Integer {
            min: -1,
            max: i64::MAX,
        },
        default: Some("0"),
        effect: ConfigEffect::StoredWithoutEffect(NO_TIERS),
        documentation: "How many bytes a segment may lag before it is copied to remote storage.",
    },
    ConfigRow {
        name: "remote.copy.lag.ms",
        kind: ConfigKind::Integer {
            min: -1,
            max: i64::MAX,
        },
        default: Some("0"),
        effect: ConfigEffect::StoredWithoutEffect(NO_TIERS),
        documentation: "How long a segment may lag before it is copied to remote storage, in milliseconds.",
    },
    ConfigRow {
        name: "remote.log.copy.disable",
        kind: ConfigKind::Boolean,
        default: Some("false"),
        effect: ConfigEffect::StoredWithoutEffect(NO_TIERS),
        documentation: "Whether segments are no longer copied to remote storage.",
    },
    ConfigRow {
        name: "remote.log.delete.on.disable",
        kind: ConfigKind::Boolean,
        default: Some("false"),
        effect: ConfigEffect::StoredWithoutEffect(NO_TIERS),
        documentation: "Whether remote segments are deleted when remote storage is switched off.",
    },
    ConfigRow {
        name: "remote.storage.enable",
        kind: ConfigKind::Boolean,
        default: Some("false"),
        effect: ConfigEffect::Refused {
            value: "true",
            reason: "tiered storage does not exist yet; leave it at `false`",
        },
        documentation: "Whether segments move to remote storage.",
    },
    ConfigRow {
        name: "retention.bytes",
        kind: ConfigKind::Integer {
            min: -1,
            max: i64::MAX,
        },
        default: Some("-1"),
        effect: ConfigEffect::Honoured,
        documentation: "The most bytes of one partition kept; older segments are deleted. -1 sets no limit.",
    },
    ConfigRow {
        name: "retention.ms",
        kind: ConfigKind::Integer {
            min: -1,
            max: i64::MAX,
        },
        default: Some("604800000"),
        effect: ConfigEffect::Honoured,
        documentation: "How long records are kept, in milliseconds; segments whose records are all older are deleted. -1 keeps them for ever.",
    },
    ConfigRow {
        name: "segment.bytes",
        kind: ConfigKind::Integer {
            min: 64 << 10,
            max: i32::MAX as i64,
        },
        default: Some("134217728"),
        effect: ConfigEffect::Honoured,
        documentation: "The size at which a segment is closed and a new one begun, in bytes. From 64 KiB (Kafka 4: 1 MiB), 128 MiB unless set (Kafka: 1 GiB). A batch is never split: one larger than this has a segment to itself.",
    },
    ConfigRow {
        name: "segment.index.bytes",
        kind: ConfigKind::Integer {
            min: 4,
            max: i32::MAX as i64,
        },
        default: Some("10485760"),
        effect: ConfigEffect::StoredWithoutEffect(
            "a segment's index grows with the segment and is not preallocated",
        ),
        documentation: "The largest index of a segment, in bytes.",
    },
    ConfigRow {
        name: "segment.jitter.ms",
        kind: ConfigKind::Integer {
            min: 0,
            max: i64::MAX,
        },
        default: Some("0"),
        effect: ConfigEffect::StoredWithoutEffect(
            "segments roll when their time has come; the checks are already spread out",
        ),
        documentation: "How much earlier than segment.ms a segment may roll at random, in milliseconds.",
    },
    ConfigRow {
        name: "segment.ms",
        kind: ConfigKind::Integer {
            min: 1,
            max: i64::MAX,
        },
        default: Some("604800000"),
        effect: ConfigEffect::Honoured,
        documentation: "The age at which a segment is closed even if it is not full, in milliseconds, so that retention reaches quiet topics too.",
    },
    ConfigRow {
        name: "unclean.leader.election.enable",
        kind: ConfigKind::Boolean,
        default: Some("false"),
        effect: ConfigEffect::Refused {
            value: "true",
            reason: "a replica without every acknowledged record is never elected: that would lose them; leave it at `false`",
        },
        documentation: "Whether a replica that lags may become leader.",
    },
];
