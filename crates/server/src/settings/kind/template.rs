//! An address that a broker fills in with what it is: `{hostname}.strand-peers.svc:7701`.

use super::{Address, Kind, ListenAddress, quoted};

/// The kind `HOST:PORT` with `{hostname}` and `{id}` in the host.
pub(crate) struct Template;

/// An address that is complete once the host's name and the broker's number are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressTemplate(String);

const HOST_NAME: &str = "{hostname}";
const ID: &str = "{id}";

/// What is listened at elsewhere has a port.
const ADDRESS: Address = Address { least_port: 1 };

impl AddressTemplate {
    /// The address of the broker `id` on the host of this name.
    ///
    /// # Errors
    /// What is expected instead: the host's name makes no address of it.
    pub(crate) fn filled_in(&self, host_name: &str, id: u32) -> Result<ListenAddress, String> {
        let text = self.0.replace(HOST_NAME, host_name);
        ADDRESS.parse(&text.replace(ID, &id.to_string()))
    }
}

impl Kind for Template {
    type Value = AddressTemplate;

    fn parse(&self, text: &str) -> Result<AddressTemplate, String> {
        let template = AddressTemplate(text.to_owned());
        match template.filled_in("host", 0) {
            Ok(_) => Ok(template),
            Err(_) => Err(format!("it must be {}", self.bounds())),
        }
    }

    fn toml(&self, value: &AddressTemplate) -> String {
        quoted(&value.0)
    }

    fn bounds(&self) -> String {
        format!(
            "{}; {HOST_NAME} stands for the host's name and {ID} for the broker's number",
            ADDRESS.bounds()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_name_and_number_are_filled_in_wherever_they_stand() {
        let template = Template.parse("{hostname}.peers-{id}.svc:7701").unwrap();
        let filled = template.filled_in("strand-2", 2).unwrap();
        assert_eq!(filled.to_string(), "strand-2.peers-2.svc:7701");
        assert!(template.filled_in("no host", 2).is_err());
        assert_eq!(Template.parse("{host}:1").ok(), None);
    }
}
