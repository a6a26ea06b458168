//! Files that look like real logs: what people will pipe through `strand produce`.

use std::path::PathBuf;

use crate::chance::Chance;

/// A file to send through a topic.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// A name for messages; also good as a topic's name.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Generated files with every trait that real ones were seen to have (CRLF, bare CR, no last LF, very long and empty
/// lines, bytes that are not UTF-8), and every file of the directory that `STRAND_LOG_FILES` names.
pub fn log_files(chance: &mut Chance) -> Vec<LogFile> {
    let mut files = vec![
        generated("web-server", chance, 1_500, web_server_line, b"\r\n"),
        generated("system", chance, 1_500, system_line, b"\r\n"),
        generated("java", chance, 600, java_line, b"\n"),
        generated("binary", chance, 200, binary_line, b"\n"),
    ];
    // Half of the files end without a line feed.
    for file in files.iter_mut().step_by(2) {
        while file.bytes.last() == Some(&b'\n') {
            file.bytes.pop();
        }
    }
    if let Some(directory) = std::env::var_os("STRAND_LOG_FILES") {
        files.extend(files_of(PathBuf::from(directory)));
    }
    files
}

fn files_of(directory: PathBuf) -> Vec<LogFile> {
    let entries = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry reads").path())
        .collect();
    paths.sort();
    let read = |path: &PathBuf| LogFile {
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        bytes: std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    };
    paths
        .iter()
        .filter(|path| path.is_file())
        .map(read)
        .collect()
}

fn generated(
    name: &str,
    chance: &mut Chance,
    lines: u64,
    line: fn(&mut Chance, u64) -> Vec<u8>,
    end: &[u8],
) -> LogFile {
    let mut bytes = Vec::new();
    for number in 0..lines {
        bytes.extend(line(chance, number));
        bytes.extend(end);
    }
    LogFile {
        name: name.to_owned(),
        bytes,
    }
}

fn web_server_line(chance: &mut Chance, number: u64) -> Vec<u8> {
    let (hour, minute, second) = (number / 3_600 % 24, number / 60 % 60, number % 60);
    let level = chance.pick(&["notice", "error", "warn"]);
    let text = match chance.below(4) {
        0 => format!("child init {} {}", chance.below(9_000), chance.below(9)),
        1 => format!(
            "[client {}.0.0.{}] File does not exist: /var/www/html\rfavicon",
            chance.below(255),
            chance.below(255)
        ),
        2 => format!(
            "workerEnv.init() ok /etc/httpd/conf/workers{}.properties",
            chance.below(9)
        ),
        _ => format!("child in error state {}", chance.below(9)),
    };
    format!("[Sun Dec 04 {hour:02}:{minute:02}:{second:02} 2005] [{level}] {text}").into_bytes()
}

fn system_line(chance: &mut Chance, number: u64) -> Vec<u8> {
    let service = chance.pick(&["sshd(pam_unix)", "su", "ftpd", "kernel", "crond"]);
    let tail = "x".repeat(if chance.below(200) == 0 { 5_000 } else { 0 });
    let text = chance.pick(&[
        "authentication failure; logname= uid=0 euid=0 tty=NODEVssh",
        "check pass; user unknown",
        "",
    ]);
    format!(
        "Jun 14 15:{:02}:{:02} combo {service}[{}]: {text}{tail}",
        number / 60 % 60,
        number % 60,
        chance.below(30_000)
    )
    .into_bytes()
}

fn java_line(chance: &mut Chance, number: u64) -> Vec<u8> {
    match chance.below(10) {
        0 => Vec::new(),
        1 => format!(
            "\tat com.example.Worker.run(Worker.java:{})",
            chance.below(999)
        )
        .into_bytes(),
        _ => format!(
            "17/06/09 20:10:{:02} {} executor.Backend: Got assigned task {number} – «{}»",
            number % 60,
            chance.pick(&["INFO", "WARN", "ERROR"]),
            chance.next_u64()
        )
        .into_bytes(),
    }
}

fn binary_line(chance: &mut Chance, _: u64) -> Vec<u8> {
    let count = chance.below(300) as usize;
    let mut bytes = chance.bytes(count);
    bytes.retain(|byte| *byte != b'\n');
    bytes
}
