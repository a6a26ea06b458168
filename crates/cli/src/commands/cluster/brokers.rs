//! `strand cluster brokers`.

use clap::Args;
use client::BrokerDescription;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{write_json, write_table};
use crate::session::Session;
use crate::waiting::answered;

/// List the brokers
#[derive(Debug, Args)]
pub(crate) struct BrokersArgs {}

pub(crate) async fn run(_args: BrokersArgs, session: &Session) -> Result<(), Failure> {
    let brokers = answered(session.admin().list_brokers()).await?;
    if session.json() {
        return brokers
            .iter()
            .try_for_each(|broker| write_json(&BrokerJson::of(broker)));
    }
    write_brokers(&brokers)
}

/// A broker as JSON. The names are part of the command line's contract.
#[derive(Serialize)]
pub(super) struct BrokerJson<'a> {
    id: u32,
    address: &'a str,
    rack: Option<&'a str>,
    state: &'static str,
    leaders: u64,
    replicas: u64,
    disk_bytes: Option<u64>,
}

impl<'a> BrokerJson<'a> {
    pub(super) fn of(broker: &'a BrokerDescription) -> Self {
        Self {
            id: broker.id.get(),
            address: &broker.grpc_address,
            rack: Some(broker.rack.as_str()).filter(|rack| !rack.is_empty()),
            state: broker.state.as_str(),
            leaders: broker.leaders,
            replicas: broker.replicas,
            disk_bytes: broker.disk_bytes,
        }
    }
}

/// Writes the brokers as a table.
pub(super) fn write_brokers(brokers: &[BrokerDescription]) -> Result<(), Failure> {
    let headings = [
        "BROKER",
        "ADDRESS",
        "RACK",
        "STATE",
        "LEADERS",
        "REPLICAS",
        "DISK BYTES",
    ];
    let rows = brokers.iter().map(|broker| {
        let disk_bytes = broker.disk_bytes;
        [
            broker.id.to_string(),
            broker.grpc_address.clone(),
            broker.rack.clone(),
            broker.state.as_str().to_owned(),
            broker.leaders.to_string(),
            broker.replicas.to_string(),
            disk_bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
        ]
    });
    write_table(headings, rows)
}
