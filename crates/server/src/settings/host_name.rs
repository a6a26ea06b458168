//! The name of this host, as the system has it.

/// The host's name; empty where it has none in UTF-8.
pub(crate) fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_str().unwrap_or_default().to_owned()
}
