//! Settings of a cluster that depend on each other, or on the host.

use std::time::Duration;

use super::error::SettingsError;
use super::host_name::host_name;
use super::kind::{ChosenNumber, ListenAddress, Template, ordinal};
use super::setting::Setting;
use super::sources::Sources;
use super::table;

/// A leader may miss so many heartbeats.
const HEARTBEATS_OF_ELECTION: u32 = 4;

/// What this broker is: templates are filled in with it.
pub(super) struct Own {
    pub(super) id: u32,
    host_name: String,
}

impl Own {
    /// The broker's number, taken from the host's name where that is asked for.
    pub(super) fn of(sources: &Sources<'_>) -> Result<Self, SettingsError> {
        let chosen = sources.value(&table::ID)?;
        Self::on(host_name(), chosen)
    }

    fn on(host_name: String, chosen: ChosenNumber) -> Result<Self, SettingsError> {
        let id = match chosen {
            ChosenNumber::Is(id) => id,
            ChosenNumber::OfHostName => match ordinal(&host_name) {
                Some(id) => id,
                None => return Err(SettingsError::NoOrdinal { host_name }),
            },
        };
        Ok(Self { id, host_name })
    }

    /// The address that a template makes here.
    pub(super) fn address(
        &self,
        sources: &Sources<'_>,
        setting: &Setting<Template>,
    ) -> Result<Option<ListenAddress>, SettingsError> {
        let Some(template) = sources.optional(setting)? else {
            return Ok(None);
        };
        match template.filled_in(&self.host_name, self.id) {
            Ok(address) => Ok(Some(address)),
            Err(expected) => Err(SettingsError::BadTemplate {
                setting: setting.name,
                host_name: self.host_name.clone(),
                expected,
            }),
        }
    }
}

/// How many brokers form the cluster: what was said, or as many as are listed. One name may stand for any number.
pub(super) fn initial_brokers(
    peers: &[ListenAddress],
    said: Option<u32>,
) -> Result<u32, SettingsError> {
    match (peers, said) {
        ([], None | Some(1)) => Ok(1),
        ([], Some(wanted)) => Err(SettingsError::NoPeers { wanted }),
        ([name], None) if name.ip().is_none() => Err(SettingsError::HowManyBrokers {
            address: name.to_string(),
        }),
        ([name], Some(wanted)) if name.ip().is_none() => Ok(wanted),
        (listed, None) => Ok(u32::try_from(listed.len()).unwrap_or(u32::MAX)),
        (listed, Some(wanted)) if wanted as usize > listed.len() => {
            let listed = listed.len();
            Err(SettingsError::TooFewPeers { wanted, listed })
        }
        (_, Some(wanted)) => Ok(wanted),
    }
}

/// A leader that lives is heard in time, though a heartbeat or two come late.
pub(super) fn check_election(
    election_timeout: Duration,
    heartbeat_interval: Duration,
) -> Result<(), SettingsError> {
    let least = heartbeat_interval * HEARTBEATS_OF_ELECTION;
    if election_timeout >= least {
        return Ok(());
    }
    Err(SettingsError::ElectionTooShort {
        election_ms: election_timeout.as_millis(),
        heartbeat_ms: heartbeat_interval.as_millis(),
        least_ms: least.as_millis(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::kind::{Addresses, Kind};
    use super::*;

    fn brokers(peers: &str, said: Option<u32>) -> Result<u32, String> {
        let peers = match peers {
            "" => Vec::new(),
            peers => Addresses.parse(peers).unwrap(),
        };
        initial_brokers(&peers, said).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_says_how_many_brokers_there_are_and_a_name_does_not() {
        assert_eq!(brokers("", None), Ok(1));
        assert_eq!(brokers("a:1,b:1,c:1", None), Ok(3));
        assert_eq!(brokers("a:1,b:1,c:1,d:1", Some(3)), Ok(3));
        assert_eq!(brokers("127.0.0.1:1", None), Ok(1));
        assert_eq!(brokers("strand-peers:7701", Some(3)), Ok(3));
    }

    #[test]
    fn what_can_never_form_is_refused_with_what_to_do() {
        for (peers, said, words) in [
            (
                "strand-peers:7701",
                None,
                "initial_brokers must say how many",
            ),
            ("", Some(3), "needs cluster_peers"),
            ("a:1,b:1", Some(3), "cluster_peers lists 2 addresses"),
            ("127.0.0.1:1", Some(3), "cluster_peers lists 1 addresses"),
        ] {
            let refusal = brokers(peers, said).unwrap_err();
            assert!(refusal.contains(words), "{refusal}");
        }
    }

    #[test]
    fn a_host_without_an_ordinal_is_refused_by_name() {
        let own = |name: &str| Own::on(name.to_owned(), ChosenNumber::OfHostName);
        assert_eq!(own("strand-7").unwrap().id, 7);
        let refusal = own("laptop").err().unwrap().to_string();
        assert!(
            refusal.contains("\"laptop\"") && refusal.contains("--id"),
            "{refusal}"
        );
    }

    #[test]
    fn an_election_waits_for_several_heartbeats() {
        let ms = Duration::from_millis;
        assert!(check_election(ms(600), ms(150)).is_ok());
        let refusal = check_election(ms(599), ms(150)).unwrap_err().to_string();
        assert!(
            refusal.contains("599 ms") && refusal.contains("600 ms"),
            "{refusal}"
        );
    }
}
