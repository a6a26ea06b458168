//! One anomaly after the other, planted in a good history.

use checker::Anomaly;
use checker::history::{Action, BadHistory, Event, Kind, Seen, operations};

use crate::good::{Story, anomalies, good, records, values};

/// Changes what the `nth` answered poll of the good history saw.
fn with_poll(nth: usize, change: impl FnOnce(&mut Seen)) -> Vec<Event> {
    let mut events = good().events;
    let seen = events
        .iter_mut()
        .filter_map(|event| match &mut event.action {
            Action::Poll {
                seen: Some(seen), ..
            } => Some(seen),
            _ => None,
        })
        .nth(nth)
        .unwrap();
    change(seen);
    events
}

/// Changes the event that acknowledges batch `number`.
fn with_ack(number: u64, change: impl FnOnce(&mut Event)) -> Vec<Event> {
    let mut events = good().events;
    let batch = values(number);
    let sent = |event: &&mut Event| {
        event.kind != Kind::Invoke
            && matches!(&event.action, Action::Send { values, .. } if *values == batch)
    };
    change(events.iter_mut().find(sent).unwrap());
    events
}

/// The history shows what breaks `rule`, and `expected` is among it.
#[track_caller]
fn assert_found(events: &[Event], rule: u8, expected: impl Fn(&Anomaly) -> bool) {
    let found = anomalies(events);
    assert!(
        found
            .iter()
            .any(|anomaly| anomaly.rule() == rule && expected(anomaly)),
        "rule {rule} is not among {found:#?}"
    );
}

#[test]
fn rule_1_finds_two_values_at_one_offset() {
    let events = with_poll(2, |seen| seen.records[1].1 = "nobody knows".to_owned());
    assert_found(&events, 1, |anomaly| {
        matches!(anomaly, Anomaly::InconsistentOffset { offset: 7, .. })
    });
}

#[test]
fn rule_2_finds_a_duplicate() {
    let mut story = good();
    let mut again = records(29, 30);
    again.push((30, "v4".to_owned()));
    story.poll(7, again, 31, false);
    assert_found(
        &story.events,
        2,
        |anomaly| matches!(anomaly, Anomaly::Duplicate { value, .. } if value == "v4"),
    );
}

#[test]
fn rule_3_finds_a_read_of_a_failed_send() {
    let mut story = good();
    story.poll(7, vec![(30, "refused".to_owned())], 31, false);
    assert_found(&story.events, 3, |anomaly| {
        matches!(anomaly, Anomaly::AbortedRead { offset: 30, .. })
    });
}

#[test]
fn rule_4_finds_an_acknowledged_record_that_nobody_reads() {
    let mut story = Story::default();
    story.send(1, &values(0), Kind::Ok, Some(0));
    story.send(1, &values(1), Kind::Ok, Some(3));
    story.poll(2, [records(0, 1), records(2, 6)].concat(), 6, false);
    assert_found(&story.events, 4, |anomaly| {
        matches!(anomaly, Anomaly::Lost { offset: 1, .. })
    });
}

#[test]
fn rule_4_finds_the_missing_rest_of_a_batch_of_unknown_outcome() {
    let mut story = Story::default();
    story.send(1, &values(0), Kind::Info, None);
    story.send(1, &values(1), Kind::Ok, Some(3));
    story.poll(2, [records(0, 2), records(3, 6)].concat(), 6, true);
    assert_found(&story.events, 4, |anomaly| {
        matches!(anomaly, Anomaly::Lost { offset: 2, .. })
    });
}

#[test]
fn rule_4_finds_what_the_last_reading_misses_at_the_end() {
    let events = with_poll(9, |seen| seen.records.truncate(8));
    assert_found(&events, 4, |anomaly| {
        matches!(anomaly, Anomaly::Unseen { offset: 28, .. })
    });
}

#[test]
fn rule_4_demands_a_last_reading() {
    let mut story = Story::default();
    story.send(1, &values(0), Kind::Ok, Some(0));
    story.poll(2, records(0, 3), 3, false);
    assert_found(&story.events, 4, |anomaly| {
        matches!(anomaly, Anomaly::Unseen { offset: 0, .. })
    });
}

#[test]
fn rule_4_does_not_miss_what_retention_has_removed() {
    let mut story = good();
    let list = |offset| Action::ListOffsets {
        partition: 0,
        end: checker::history::End::Earliest,
        offset,
    };
    let op = story.invoke(8, list(None));
    story.push(8, op, Kind::Ok, list(Some(30)));
    let late = story.events.len();
    story.send(1, &["new".to_owned()], Kind::Ok, Some(30));
    story.poll(9, vec![(30, "new".to_owned())], 31, true);
    for event in &mut story.events[late..] {
        if let Action::Poll {
            seen: Some(seen), ..
        } = &mut event.action
        {
            seen.log_start = 30;
        }
    }
    assert_eq!(anomalies(&story.events), []);
}

#[test]
fn rule_5_finds_an_acknowledgement_with_the_wrong_offset() {
    let events = with_ack(2, |event| {
        if let Action::Send { offset, .. } = &mut event.action {
            *offset = Some(7);
        }
    });
    assert_found(&events, 5, |anomaly| {
        matches!(
            anomaly,
            Anomaly::AckMismatch {
                acked: 7,
                seen: 6,
                ..
            }
        )
    });
}

#[test]
fn rule_6_finds_sends_of_one_process_out_of_order() {
    let mut story = Story::default();
    let send = |number, offset| Action::Send {
        partition: 0,
        values: values(number),
        offset,
    };
    let (first, second) = (
        story.invoke(1, send(1, None)),
        story.invoke(1, send(0, None)),
    );
    story.push(1, first, Kind::Ok, send(1, Some(3)));
    story.push(1, second, Kind::Ok, send(0, Some(0)));
    story.poll(2, records(0, 6), 6, true);
    let found = anomalies(&story.events);
    assert!(
        matches!(
            found[..],
            [Anomaly::NonmonotonicSend {
                earlier: 1,
                later: 2,
                ..
            }]
        ),
        "{found:#?}"
    );
}

#[test]
fn rule_7_finds_a_batch_of_unknown_outcome_that_was_torn() {
    let mut story = Story::default();
    story.send(1, &values(0), Kind::Info, None);
    let swapped = vec![
        (0, "v0".to_owned()),
        (1, "v2".to_owned()),
        (2, "v1".to_owned()),
    ];
    story.poll(2, swapped, 3, true);
    assert_found(&story.events, 7, |anomaly| {
        matches!(anomaly, Anomaly::TornBatch { .. })
    });
}

#[test]
fn rule_7_finds_an_acknowledged_batch_that_was_torn() {
    let mut story = Story::default();
    story.send(1, &values(0), Kind::Ok, Some(0));
    let torn = vec![
        (0, "v0".to_owned()),
        (2, "v1".to_owned()),
        (3, "v2".to_owned()),
    ];
    story.poll(2, torn, 4, true);
    assert_found(&story.events, 7, |anomaly| {
        matches!(anomaly, Anomaly::TornBatch { seen: 2, .. })
    });
}

#[test]
fn rule_8_finds_a_consumer_that_goes_back() {
    let mut story = good();
    story.poll(3, records(10, 12), 30, false);
    assert_found(&story.events, 8, |anomaly| {
        matches!(
            anomaly,
            Anomaly::NonmonotonicPoll {
                last: 23,
                next: 10,
                ..
            }
        )
    });
}

#[test]
fn rule_9_finds_a_consumer_that_skips() {
    let mut story = good();
    story.poll(3, records(26, 28), 30, false);
    assert_found(&story.events, 9, |anomaly| {
        matches!(anomaly, Anomaly::PollSkip { skipped: 24, .. })
    });
}

#[test]
fn rule_10_finds_a_poll_that_goes_back_within_itself() {
    let events = with_poll(8, |seen| seen.records.swap(4, 5));
    assert_found(&events, 10, |anomaly| {
        matches!(
            anomaly,
            Anomaly::NonmonotonicWithinPoll {
                last: 5,
                next: 4,
                ..
            }
        )
    });
}

#[test]
fn rule_10_finds_a_poll_that_skips_within_itself() {
    let events = with_poll(8, |seen| drop(seen.records.remove(4)));
    assert_found(&events, 10, |anomaly| {
        matches!(anomaly, Anomaly::SkipWithinPoll { skipped: 4, .. })
    });
}

#[test]
fn rule_11_finds_a_value_that_nobody_sent() {
    let mut story = good();
    story.poll(7, vec![(30, "from nowhere".to_owned())], 31, false);
    assert_found(&story.events, 11, |anomaly| {
        matches!(anomaly, Anomaly::Phantom { offset: 30, .. })
    });
}

#[test]
fn rule_11_finds_a_value_read_before_it_was_sent() {
    let mut story = Story::default();
    story.poll(2, vec![(0, "v0".to_owned())], 1, true);
    story.send(1, &["v0".to_owned()], Kind::Ok, Some(0));
    assert_found(&story.events, 11, |anomaly| {
        matches!(anomaly, Anomaly::Phantom { offset: 0, .. })
    });
}

#[test]
fn rule_12_finds_an_end_that_does_not_cover_an_acknowledgement() {
    let mut story = good();
    story.list_latest(9, 29);
    assert_found(&story.events, 12, |anomaly| {
        matches!(
            anomaly,
            Anomaly::StaleEnd {
                end: 29,
                acked: 29,
                ..
            }
        )
    });
}

#[test]
fn rule_12_finds_a_high_watermark_that_goes_back() {
    let mut story = good();
    story.list_latest(9, 33);
    story.list_latest(9, 32);
    assert_found(&story.events, 12, |anomaly| {
        matches!(
            anomaly,
            Anomaly::EndWentBack {
                before: 33,
                now: 32,
                ..
            }
        )
    });
}

#[test]
fn rule_12_finds_a_log_start_that_goes_back() {
    let mut story = good();
    for (process, log_start) in [(20, 2), (21, 1)] {
        story.poll(process, records(2, 4), 30, false);
        let Some(Event {
            action: Action::Poll {
                seen: Some(seen), ..
            },
            ..
        }) = story.events.last_mut()
        else {
            unreachable!("a poll was answered last");
        };
        seen.log_start = log_start;
    }
    let went_back = |anomaly: &Anomaly| {
        matches!(
            anomaly,
            Anomaly::EndWentBack {
                which: "log start",
                before: 2,
                now: 1,
                ..
            }
        )
    };
    assert_found(&story.events, 12, went_back);
}

#[test]
fn rule_12_finds_a_record_behind_the_high_watermark() {
    let events = with_poll(1, |seen| seen.high_watermark = 5);
    assert_found(&events, 12, |anomaly| {
        matches!(anomaly, Anomaly::OutsideOfEnds { offset: 5, .. })
    });
}

#[test]
fn rule_13_finds_a_later_send_in_front_of_an_earlier_one() {
    let mut story = Story::default();
    story.send(1, &values(1), Kind::Ok, Some(3));
    story.send(2, &values(0), Kind::Ok, Some(0));
    story.poll(3, records(0, 6), 6, true);
    let found = anomalies(&story.events);
    assert!(
        matches!(
            found[..],
            [Anomaly::RealTimeOrder {
                offset: 0,
                acked: 5,
                ..
            }]
        ),
        "{found:#?}"
    );
}

#[test]
fn rule_16_finds_a_partition_without_progress() {
    let mut story = good();
    story.invoke(0, Action::Heal);
    assert_found(&story.events, 16, |anomaly| {
        matches!(anomaly, Anomaly::NoProgress { partition: 0, .. })
    });
}

#[test]
fn rule_16_finds_an_operation_that_does_not_end() {
    let mut story = good();
    story.invoke(
        9,
        Action::Send {
            partition: 0,
            values: vec!["stuck".to_owned()],
            offset: None,
        },
    );
    let late = story.events.last().unwrap().t + 1_000_000;
    story.invoke(0, Action::Heal);
    let heal = story.events.pop().unwrap();
    story.events.insert(0, Event { t: 0, ..heal });
    story.list_latest(9, 30);
    for event in story.events.iter_mut().rev().take(2) {
        event.t += late;
    }
    assert_found(&story.events, 16, |anomaly| {
        matches!(anomaly, Anomaly::Stuck { process: 9, .. })
    });
}

#[test]
fn events_that_make_no_history_are_refused() {
    let mut events = good().events;
    events.swap(0, 1);
    assert_eq!(
        operations(&events),
        Err(BadHistory::NotGoingOn {
            index: 0,
            process: 1,
            op: 1
        })
    );
    let mut events = good().events;
    events[5].t = 0;
    assert!(matches!(
        operations(&events),
        Err(BadHistory::ClockWentBack { index: 5, .. })
    ));
    let mut events = good().events;
    events[1] = Event {
        t: 1_000,
        ..events[0].clone()
    };
    assert_eq!(
        operations(&events),
        Err(BadHistory::BeganTwice { index: 1, op: 1 })
    );
}
