//! `strand cluster brokers`.

use clap::Args;
use client::BrokerDescription;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{write_json, write_table};
use crate::session::Session;

/// List the brokers
#[derive(Debug, Args)]
pub(crate) struct BrokersArgs {}

pub(crate) async fn run(_args: BrokersArgs, session: &Session) -> Result<(), Failure> {
    let brokers = session.admin().list_brokers().await?;
    if session.json() {
        return brokers
            .iter()
            .try_for_each(|broker| write_json(&BrokerJson::of(broker)));
    }
    write_brokers(&brokers)
}

/// A broker as JSON.
#[derive(Serialize)]
pub(super) struct BrokerJson<'a> {
    id: u32,
    grpc_address: &'a str,
    rack: Option<&'a str>,
}

impl<'a> BrokerJson<'a> {
    pub(super) fn of(broker: &'a BrokerDescription) -> Self {
        Self {
            id: broker.id.get(),
            grpc_address: &broker.grpc_address,
            rack: Some(broker.rack.as_str()).filter(|rack| !rack.is_empty()),
        }
    }
}

/// Writes the brokers as a table.
pub(super) fn write_brokers(brokers: &[BrokerDescription]) -> Result<(), Failure> {
    let rows = brokers.iter().map(|broker| {
        [
            broker.id.to_string(),
            broker.grpc_address.clone(),
            broker.rack.clone(),
        ]
    });
    write_table(["BROKER", "GRPC", "RACK"], rows)
}
