//! A history as a correct broker would make it, to plant anomalies in.

use std::time::Duration;

use checker::history::{Action, End, Event, Kind, Seen, load, save};
use checker::{Anomaly, Expectations, check};

/// Values that producer 1 and 2 send: batches of three, one after the other, each acknowledged before the next.
const BATCHES: u64 = 8;

/// A history in the making: one operation after the other, a microsecond each.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) events: Vec<Event>,
    op: u64,
}

impl Story {
    pub(crate) fn invoke(&mut self, process: u32, action: Action) -> u64 {
        self.op += 1;
        self.push(process, self.op, Kind::Invoke, action);
        self.op
    }

    pub(crate) fn push(&mut self, process: u32, op: u64, kind: Kind, action: Action) {
        let t = self.events.len() as u64 * 1_000;
        self.events.push(Event {
            t,
            process,
            op,
            kind,
            action,
        });
    }

    pub(crate) fn send(
        &mut self,
        process: u32,
        values: &[String],
        kind: Kind,
        offset: Option<u64>,
    ) {
        let send = |offset| Action::Send {
            partition: 0,
            values: values.to_vec(),
            offset,
        };
        let op = self.invoke(process, send(None));
        self.push(process, op, kind, send(offset));
    }

    pub(crate) fn poll(
        &mut self,
        process: u32,
        records: Vec<(u64, String)>,
        high_watermark: u64,
        last_reading: bool,
    ) {
        let from = records.first().map_or(0, |(offset, _)| *offset);
        let seen = Some(Seen {
            records,
            log_start: 0,
            high_watermark,
            confirmed: true,
        });
        let poll = |seen| Action::Poll {
            partition: 0,
            from,
            last_reading,
            seen,
        };
        let op = self.invoke(process, poll(None));
        self.push(process, op, Kind::Ok, poll(seen));
    }

    pub(crate) fn list_latest(&mut self, process: u32, offset: u64) {
        let list = |offset| Action::ListOffsets {
            partition: 0,
            end: End::Latest,
            offset,
        };
        let op = self.invoke(process, list(None));
        self.push(process, op, Kind::Ok, list(Some(offset)));
    }
}

/// The values of batch `number`.
pub(crate) fn values(number: u64) -> Vec<String> {
    (0..3)
        .map(|index| format!("v{}", number * 3 + index))
        .collect()
}

/// Records `from..end` as they are read.
pub(crate) fn records(from: u64, end: u64) -> Vec<(u64, String)> {
    (from..end)
        .map(|offset| (offset, format!("v{offset}")))
        .collect()
}

/// Eight acknowledged batches, a failed one, two of unknown outcome (one of which was written), a consumer that
/// reads along, and a last reading.
pub(crate) fn good() -> Story {
    let mut story = Story::default();
    for number in 0..BATCHES {
        story.send(
            1 + (number % 2) as u32,
            &values(number),
            Kind::Ok,
            Some(number * 3),
        );
        story.poll(
            3,
            records(number * 3, number * 3 + 3),
            number * 3 + 3,
            false,
        );
    }
    story.send(1, &values(BATCHES), Kind::Info, None);
    story.send(4, &["refused".to_owned()], Kind::Fail, None);
    story.send(4, &["nobody knows".to_owned()], Kind::Info, None);
    story.invoke(0, Action::Heal);
    story.list_latest(5, 27);
    story.send(2, &values(BATCHES + 1), Kind::Ok, Some(27));
    story.poll(6, records(0, 20), 30, true);
    story.poll(6, records(20, 30), 30, true);
    story
}

pub(crate) fn anomalies(events: &[Event]) -> Vec<Anomaly> {
    let expectations = Expectations {
        progress_within: Duration::from_micros(50),
    };
    check(events, expectations).unwrap()
}

#[test]
fn a_good_history_has_no_anomaly() {
    assert_eq!(anomalies(&good().events), []);
}

#[test]
fn a_history_reads_back_from_its_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let events = good().events;
    save(&events, file.path()).unwrap();
    assert_eq!(load(file.path()).unwrap(), events);
    let line = serde_json::to_string(&events[1]).unwrap();
    assert_eq!(
        line,
        r#"{"t":1000,"process":1,"op":1,"type":"ok","f":"send","partition":0,"values":["v0","v1","v2"],"offset":0}"#
    );
}
