//! How to provoke each line of the table.

use std::fs;

use rpc::v1::produce_batch::Payload;
use rpc::v1::{
    AcceptLossRequest, CreatePartitionsRequest, CreateTopicRequest, DecommissionRequest,
    DrainRequest, InitProducerRequest, OffsetQuery, PlainRecords, ProduceBatch, ProducerSequence,
    Record, TransferLeadershipRequest, UndrainRequest,
};
use rpc::v1::{ListOffsetsRequest, offset_query::Position};
use strandline_tests::harness::{Broker, Plan, SmallFileSystem, batch_of, is_root, skip, strand};

use super::batches::Batch;
use super::stage::{SMALL, SOUND, Seen, Stage};

type Provoke = fn(&Stage) -> Vec<Seen>;

/// What goes wrong, as the table has it, and how to make it so.
pub(super) const PROVOCATIONS: &[(&str, Provoke)] = &[
    ("a topic that does not exist is read", |stage| {
        let consume = ["consume", "missing", "--from-beginning", "--until-end"];
        vec![
            stage.fetch("missing", 0, 0),
            stage.command(&consume, b""),
            stage.command(&["topic", "describe", "missing"], b""),
            stage.command(&["topic", "delete", "missing", "--yes"], b""),
        ]
    }),
    (
        "a topic that does not exist is written, where the broker does not create topics",
        |_| {
            let broker = Broker::with(&["--auto-create-topics", "false"]);
            vec![Seen::of_command(
                broker.strand_in(&["produce", "missing", "--json"], b"lost\n"),
            )]
        },
    ),
    ("a partition that the topic does not have", |stage| {
        let partition = ["--partition", "1"];
        vec![
            stage.fetch(SOUND, 1, 0),
            stage.produce(batch_of(SOUND, 1, ["x"])),
            stage.command(&[&["produce", SOUND][..], &partition].concat(), b"x\n"),
            stage.command(
                &[&["consume", SOUND, "--until-end"][..], &partition].concat(),
                b"",
            ),
        ]
    }),
    ("an empty topic name", |stage| bad_name(stage, "")),
    ("a topic name of more than 249 characters", |stage| {
        bad_name(stage, &"x".repeat(250))
    }),
    (
        "a topic name with illegal characters, such as `../name`",
        |stage| {
            let names = ["../name", "a/b", "a b", "ä", ".", "..", "a\nb", "\u{202e}x"];
            names
                .iter()
                .flat_map(|name| bad_name(stage, name))
                .collect()
        },
    ),
    // No command line can hold a NUL.
    ("a topic name with a NUL", |stage| {
        vec![
            create(stage, "a\0b"),
            stage.produce(batch_of("a\0b", 0, ["x"])),
        ]
    }),
    ("a topic that exists already is created", |stage| {
        vec![
            create(stage, SOUND),
            stage.command(&["topic", "create", SOUND], b""),
        ]
    }),
    ("a config that does not exist", |stage| {
        bad_config(stage, "retention.sm=1")
    }),
    (
        "a config whose value is out of bounds; the error names them",
        |stage| {
            let bad = [
                "segment.bytes=1",
                "retention.ms=-2",
                "durability=perhaps",
                "retention.bytes=many",
                "max.message.bytes=9999999999",
            ];
            bad.iter()
                .flat_map(|config| bad_config(stage, config))
                .collect()
        },
    ),
    (
        "a topic of no or too many partitions, or of fewer than it has",
        |stage| {
            let create = |count: &str| {
                stage.command(&["topic", "create", "new", "--partitions", count], b"")
            };
            let fewer = CreatePartitionsRequest {
                name: SOUND.to_owned(),
                total: 0,
            };
            vec![
                create("0"),
                create("2147483647"),
                stage.command(&["topic", "alter", SOUND, "--partitions", "1"], b""),
                stage.call(|mut api| async move { api.topic.create_partitions(fewer).await }),
            ]
        },
    ),
    ("more replicas than there are brokers", |stage| {
        vec![stage.command(
            &["topic", "create", "new", "--replication-factor", "2"],
            b"",
        )]
    }),
    (
        "an offset below the log start; the error names both",
        |stage| {
            let consume = [
                "consume",
                SOUND,
                "--partition",
                "0",
                "--offset",
                "0",
                "--until-end",
            ];
            vec![stage.fetch(SOUND, 0, 0), stage.command(&consume, b"")]
        },
    ),
    (
        "an offset above the log end; the error names both",
        |stage| {
            let consume = [
                "consume",
                SOUND,
                "--partition",
                "0",
                "--offset",
                "99",
                "--until-end",
            ];
            let delete = [
                "topic",
                "delete-records",
                SOUND,
                "--partition",
                "0",
                "--before",
                "99",
            ];
            vec![
                stage.fetch(SOUND, 0, 99),
                stage.command(&consume, b""),
                stage.command(&delete, b""),
            ]
        },
    ),
    (
        "a negative offset, size, partition or time",
        negative_numbers,
    ),
    ("a batch with a wrong CRC", |stage| {
        vec![stage.encoded(Batch::with_wrong_crc())]
    }),
    ("a batch with a wrong length", |stage| {
        Batch::with_lengths_that_lie()
            .into_iter()
            .map(|batch| stage.encoded(batch))
            .collect()
    }),
    ("a batch with a wrong record count", |stage| {
        Batch::with_counts_that_lie()
            .into_iter()
            .map(|batch| stage.encoded(batch))
            .collect()
    }),
    ("a batch with an unknown codec", |stage| {
        vec![stage.encoded(Batch::with_unknown_codec())]
    }),
    ("a batch with a forged control bit", |stage| {
        vec![stage.encoded(Batch::with_control_bit())]
    }),
    ("a batch of a transaction", |stage| {
        vec![stage.encoded(Batch::of_a_transaction())]
    }),
    ("a batch with unknown attribute bits", |stage| {
        vec![stage.encoded(Batch::with_unknown_attributes())]
    }),
    (
        "a batch with a producer id and a negative sequence",
        |stage| vec![stage.encoded(Batch::with_negative_sequence(1))],
    ),
    (
        "a batch behind a gap in its producer's sequence",
        gap_in_a_sequence,
    ),
    (
        "a batch that its producer sent before, too long ago for its offset to be known",
        |stage| {
            let sent: Vec<_> = (0..6).map(|sequence| (0, sequence)).collect();
            numbered(stage, &sent, (0, 0))
        },
    ),
    ("a batch of an older epoch than its producer has", |stage| {
        numbered(stage, &[(1, 0)], (0, 1))
    }),
    (
        "a batch for one offset only, where the log has moved on; the error names both",
        |stage| {
            let at_the_start = ProduceBatch {
                expected_base_offset: Some(0),
                ..batch_of(SOUND, 0, ["x"])
            };
            let expect = ["--partition", "0", "--expect-offset", "0"];
            vec![
                stage.produce(at_the_start),
                stage.command(&[&["produce", SOUND][..], &expect].concat(), b"x\n"),
            ]
        },
    ),
    ("a broker that the cluster does not have", |stage| {
        let drain = DrainRequest { broker: 7 };
        let undrain = UndrainRequest { broker: 7 };
        let decommission = DecommissionRequest { broker: 7 };
        vec![
            stage.call(|mut api| async move { api.cluster.drain(drain).await }),
            stage.call(|mut api| async move { api.cluster.undrain(undrain).await }),
            stage.call(|mut api| async move { api.cluster.decommission(decommission).await }),
        ]
    }),
    ("the last broker is to leave", |stage| {
        let leaves = DecommissionRequest { broker: 0 };
        vec![stage.call(|mut api| async move { api.cluster.decommission(leaves).await })]
    }),
    ("a loss is accepted where no replica is in doubt", |stage| {
        let loss = AcceptLossRequest {
            name: SOUND.to_owned(),
            ..AcceptLossRequest::default()
        };
        vec![stage.call(|mut api| async move { api.topic.accept_loss(loss).await })]
    }),
    ("a leadership for a broker that holds no replica", |stage| {
        let transfer = TransferLeadershipRequest {
            topic: SOUND.to_owned(),
            partition: 0,
            to: Some(7),
        };
        vec![stage.call(|mut api| async move { api.cluster.transfer_leadership(transfer).await })]
    }),
    (
        "a timestamp further in the future than `message.timestamp.after.max.ms`",
        |stage| {
            let now = model::Timestamp::from_system_time(std::time::SystemTime::now());
            let record = Record {
                timestamp_ms: Some(now.as_millis() + 3 * 3_600_000),
                ..Record::default()
            };
            vec![stage.produce(plain(
                SOUND,
                PlainRecords {
                    records: vec![record],
                    ..PlainRecords::default()
                },
            ))]
        },
    ),
    ("a batch over the topic's `max.message.bytes`", |stage| {
        let line = [&[b'x'; 2_000][..], b"\n"].concat();
        vec![
            stage.produce(batch_of(SMALL, 0, [vec![b'x'; 2_000]])),
            stage.command(&["produce", SMALL], &line),
        ]
    }),
    ("a message over the broker's limit", |stage| {
        vec![stage.produce(batch_of(SOUND, 0, [vec![b'x'; 20 << 20]]))]
    }),
    ("a decompression bomb is read as plain records", |stage| {
        stage.store("bomb", Batch::bomb());
        vec![stage.fetch("bomb", 0, 0)]
    }),
    (
        "records that are not what their batch promises are read as plain records",
        |stage| {
            stage.store("unreadable", Batch::with_unreadable_records());
            vec![stage.fetch("unreadable", 0, 0)]
        },
    ),
    (
        "`strand consume` meets a batch whose records cannot be read, a bomb among them",
        |stage| {
            stage.store("to-consume-bomb", Batch::bomb());
            stage.store("to-consume-unreadable", Batch::with_unreadable_records());
            let consume =
                |topic| stage.command(&["consume", topic, "--from-beginning", "--until-end"], b"");
            vec![consume("to-consume-bomb"), consume("to-consume-unreadable")]
        },
    ),
    (
        "a full disk; reads go on, and it is over once there is space",
        |_| full_disk(),
    ),
    ("no broker is reached", |_| {
        vec![Seen::of_command(strand(
            &["topic", "list", "--json", "--server", "127.0.0.1:1"],
            b"",
        ))]
    }),
    (
        "the command line or a setting of `strand broker` is wrong",
        |stage| {
            let broker =
                |flags: &[&str]| Seen::of_command(strand(&[&["broker"], flags].concat(), b""));
            vec![
                stage.command(&["produce"], b""),
                stage.command(&["consume", SOUND, "--offset", "-1"], b""),
                stage.command(
                    &["topic", "create", "new", "--config", "without-a-value"],
                    b"",
                ),
                broker(&["--grpc", "nowhere"]),
                broker(&["--default-partitions", "0"]),
            ]
        },
    ),
    ("a file to produce that does not exist", |stage| {
        vec![stage.command(&["produce", SOUND, "--file", "/no/such/file"], b"")]
    }),
    ("a port that is in use", |stage| {
        let home = tempfile::tempdir().expect("a temporary directory");
        let data = home.path().join("data");
        vec![start_broker(
            &["--grpc", stage.broker.grpc(), "--http", "127.0.0.1:0"],
            &data,
        )]
    }),
    (
        "a data directory that another broker uses; the error names its process id",
        |stage| {
            vec![start_broker(
                &["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"],
                stage.broker.data(),
            )]
        },
    ),
    ("a data directory that is not a broker's", |_| {
        let home = tempfile::tempdir().expect("a temporary directory");
        fs::write(home.path().join("thesis.txt"), "ten years of work").expect("a file is written");
        vec![start_broker(
            &["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"],
            home.path(),
        )]
    }),
    ("a data directory of a newer format", |_| {
        let home = tempfile::tempdir().expect("a temporary directory");
        fs::write(
            home.path().join("strandline"),
            "strandline-data 99\nwho knows\n",
        )
        .expect("a file is written");
        vec![start_broker(
            &["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"],
            home.path(),
        )]
    }),
];

fn start_broker(flags: &[&str], data: &std::path::Path) -> Seen {
    let data = data.to_str().expect("paths are text here");
    Seen::of_command(strand(&[&["broker", "--data", data], flags].concat(), b""))
}

fn create(stage: &Stage, name: &str) -> Seen {
    let request = CreateTopicRequest {
        name: name.to_owned(),
        ..CreateTopicRequest::default()
    };
    stage.call(|mut api| async move { api.topic.create_topic(request).await })
}

fn bad_name(stage: &Stage, name: &str) -> Vec<Seen> {
    vec![
        create(stage, name),
        stage.produce(batch_of(name, 0, ["x"])),
        stage.fetch(name, 0, 0),
        stage.command(&["topic", "create", name], b""),
    ]
}

fn bad_config(stage: &Stage, config: &str) -> Vec<Seen> {
    let create = stage.command(&["topic", "create", "new", "--config", config], b"");
    let alter = stage.command(&["topic", "alter", SOUND, "--config", config], b"");
    vec![create, alter]
}

fn plain(topic: &str, records: PlainRecords) -> ProduceBatch {
    ProduceBatch {
        topic: topic.to_owned(),
        partition: Some(0),
        payload: Some(Payload::Records(records)),
        expected_base_offset: None,
    }
}

fn negative_numbers(stage: &Stage) -> Vec<Seen> {
    let query = |partition, position| OffsetQuery {
        topic: SOUND.to_owned(),
        partition,
        position,
    };
    let list = |query: OffsetQuery| {
        stage.call(|mut api| async move {
            let request = ListOffsetsRequest {
                queries: vec![query],
                isolation: 0,
            };
            let results = api
                .consumer
                .list_offsets(request)
                .await?
                .into_inner()
                .results;
            match results.into_iter().find_map(|result| result.error) {
                Some(error) => Err(super::stage::status_of(&error)),
                None => Ok(()),
            }
        })
    };
    vec![
        stage.fetch(SOUND, 0, -1),
        stage.fetch(SOUND, -1, 0),
        stage.fetch_with(|request| request.max_bytes = -1),
        stage.fetch_with(|request| request.min_bytes = -1),
        stage.fetch_with(|request| request.max_wait_ms = -1),
        stage.fetch_with(|request| request.format = 7),
        stage.produce(batch_of(SOUND, -1, ["x"])),
        list(query(0, None)),
        list(query(-1, Some(Position::TimestampMs(0)))),
    ]
}

fn gap_in_a_sequence(stage: &Stage) -> Vec<Seen> {
    numbered(stage, &[(0, 0)], (0, 5))
}

/// Batches of one record with these epochs and sequences, of which the last is refused.
fn numbered(stage: &Stage, sent: &[(i32, i32)], refused: (i32, i32)) -> Vec<Seen> {
    let batch = |producer_id, (epoch, base_sequence)| {
        let sequence = Some(ProducerSequence {
            producer_id,
            epoch,
            base_sequence,
        });
        let records = vec![Record {
            value: Some("numbered".into()),
            ..Record::default()
        }];
        plain(
            "numbered",
            PlainRecords {
                records,
                sequence,
                ..PlainRecords::default()
            },
        )
    };
    vec![stage.call(|mut api| async move {
        let producer = api
            .producer
            .init_producer(InitProducerRequest {})
            .await?
            .into_inner()
            .producer_id;
        for numbers in sent {
            api.produce(batch(producer, *numbers)).await?;
        }
        let result = api.produce(batch(producer, refused)).await?;
        match result.error {
            Some(error) => Err(super::stage::status_of(&error)),
            None => Ok(()),
        }
    })]
}

fn full_disk() -> Vec<Seen> {
    let Some(small) = is_root().then(|| SmallFileSystem::mount(24)).flatten() else {
        skip(
            "the full disk in the table of errors",
            "mounting a small file system needs root",
        );
        return Vec::new();
    };
    let broker = Broker::start_as(Plan {
        data: Some(small.path().join("data")),
        ..Plan::default()
    });
    let lines = b"0123456789\n".repeat(100_000);
    let produce = ["produce", "filling", "--json", "--timeout", "3s"];
    let failed = (0..40)
        .map(|_| broker.strand_in(&produce, &lines))
        .find(|ran| ran.code != 0);
    vec![Seen::of_command(failed.expect("40 MB do not go into 24"))]
}
