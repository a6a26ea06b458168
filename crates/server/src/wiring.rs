//! Settings of the process turned into those of the crates it wires.

use std::net::SocketAddr;

use broker::{BrokerIdentity, BrokerSettings, Formation};
use model::BrokerId;

use crate::data_directory::DataDirectory;
use crate::settings::{ListenAddress, Settings, host_name};

/// Who this broker is; `peer_address` is where others reach it.
pub(crate) fn broker_identity(
    settings: &Settings,
    directory: &DataDirectory,
    grpc: SocketAddr,
    peer_address: String,
) -> BrokerIdentity {
    BrokerIdentity {
        broker: BrokerId::new(settings.id),
        disk: directory.disk_id(),
        start_counter: directory.start_counter(),
        epoch: directory.epoch(),
        grpc_address: advertised(settings.advertise_grpc.as_ref(), &settings.grpc, grpc)
            .to_string(),
        peer_address,
        rack: settings.rack.clone(),
    }
}

/// The broker's settings, with what the data directory says about who it is.
pub(crate) fn broker_settings(
    settings: &Settings,
    identity: BrokerIdentity,
    formation: Formation,
) -> BrokerSettings {
    BrokerSettings {
        formation,
        auto_create_topics: settings.auto_create_topics,
        default_partitions: settings.default_partitions,
        produce_bytes_in_flight_max: settings.produce_bytes_in_flight_max,
        fetch_bytes_max: settings.fetch_bytes_max,
        fetch_bytes_in_flight_max: settings.fetch_bytes_in_flight_max,
        fetch_wait_max: settings.fetch_wait_max,
        retention_interval: settings.retention_check_interval,
        producer_expiry: settings.producer_expiry,
        scrub_interval: settings.scrub_interval,
        scrub_bytes_per_second: settings.scrub_bytes_per_second,
        shutdown_wait_max: settings.shutdown_timeout,
        ..BrokerSettings::new(identity)
    }
}

/// The API's settings.
pub(crate) fn api_settings(settings: &Settings) -> grpc_api::Settings {
    grpc_api::Settings {
        message_bytes_max: usize::try_from(settings.message_bytes_max).unwrap_or(usize::MAX),
        ..grpc_api::Settings::new(env!("CARGO_PKG_VERSION"))
    }
}

/// What others are told to connect to: what is set, or what is listened on, with the port that the system chose. An
/// address that stands for every one of this host's reaches nobody: the host's name takes its place.
pub(crate) fn advertised(
    set: Option<&ListenAddress>,
    listener: &ListenAddress,
    bound: SocketAddr,
) -> ListenAddress {
    if let Some(set) = set {
        return set.clone();
    }
    let name = Some(host_name()).filter(|name| bound.ip().is_unspecified() && !name.is_empty());
    ListenAddress {
        host: name.unwrap_or_else(|| listener.host.clone()),
        port: bound.port(),
    }
}
