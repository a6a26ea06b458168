//! Directories that are made, counted, refused.

use model::{ClusterId, ReplicaId, SystemClock};
use tempfile::TempDir;

use super::*;

fn open(path: &Path) -> Result<DataDirectory, DirectoryError> {
    DataDirectory::open(path, 0, &SystemClock)
}

#[test]
fn a_missing_directory_is_made_and_its_starts_are_counted() {
    let temporary = TempDir::new().unwrap();
    let path = temporary.path().join("a").join("b");
    let first = open(&path).unwrap();
    let disk = first.disk_id();
    assert_eq!(first.start_counter(), 1);
    assert!(first.stopped_cleanly_before());
    first.close().unwrap();
    let second = open(&path).unwrap();
    assert_eq!((second.disk_id(), second.start_counter()), (disk, 2));
    assert!(second.stopped_cleanly_before());
    drop(second);
    let third = open(&path).unwrap();
    assert_eq!(third.start_counter(), 3);
    assert!(
        !third.stopped_cleanly_before(),
        "the second one did not say that it had stopped"
    );
}

#[test]
fn a_start_that_the_cluster_has_not_taken_is_presented_again_and_another_one_behind_it() {
    let temporary = TempDir::new().unwrap();
    let first = open(temporary.path()).unwrap();
    let epoch = first.epoch();
    assert_eq!(epoch.number, 1);
    drop(first);
    let again = open(temporary.path()).unwrap();
    assert_eq!(again.epoch(), epoch, "the cluster may know it or not");
    again.stored().registered().unwrap();
    drop(again);
    let second = open(temporary.path()).unwrap();
    assert_eq!(second.epoch().number, 2);
    assert_ne!(second.epoch().nonce, epoch.nonce);
    // Once the broker has come to its end, the file is the next one's.
    let stored = second.stored().clone();
    let presented = second.epoch();
    second.close().unwrap();
    stored.registered().unwrap();
    assert_eq!(open(temporary.path()).unwrap().epoch(), presented);
}

#[test]
fn a_second_broker_is_refused_with_the_process_id_of_the_first() {
    let temporary = TempDir::new().unwrap();
    let first = open(temporary.path()).unwrap();
    let refusal = open(temporary.path()).err().unwrap().to_string();
    let expected = format!(
        "is in use by the broker with process id {}; stop it",
        std::process::id()
    );
    assert!(refusal.contains(&expected), "{refusal}");
    drop(first);
    assert_eq!(
        open(temporary.path()).unwrap().start_counter(),
        2,
        "the refused one counts as no start"
    );
}

#[test]
fn a_directory_with_foreign_files_is_refused_and_left_as_it_is() {
    let temporary = TempDir::new().unwrap();
    fs::write(temporary.path().join("photo.jpg"), "x").unwrap();
    let refusal = open(temporary.path()).err().unwrap().to_string();
    assert!(
        refusal.contains("it holds \"photo.jpg\"") && refusal.contains("--data"),
        "{refusal}"
    );
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
}

#[test]
fn a_new_mount_and_the_leftovers_of_a_killed_start_are_no_foreign_files() {
    let temporary = TempDir::new().unwrap();
    fs::create_dir(temporary.path().join("lost+found")).unwrap();
    fs::write(temporary.path().join("strandline.lock"), "1\n").unwrap();
    fs::write(temporary.path().join("strandline.tmp"), "half an ident").unwrap();
    assert_eq!(open(temporary.path()).unwrap().start_counter(), 1);
}

#[test]
fn a_newer_format_is_refused_with_both_numbers() {
    let temporary = TempDir::new().unwrap();
    fs::write(
        temporary.path().join(IDENTITY_FILE),
        "strandline-data 9\n???\n",
    )
    .unwrap();
    let refusal = open(temporary.path()).err().unwrap().to_string();
    assert!(
        refusal.contains("has format 9, this version knows 3"),
        "{refusal}"
    );
}

#[test]
fn a_damaged_identity_is_refused_by_name() {
    let temporary = TempDir::new().unwrap();
    drop(open(temporary.path()).unwrap());
    let file = temporary.path().join(IDENTITY_FILE);
    let content = fs::read_to_string(&file).unwrap();
    fs::write(&file, content.replace("starts 1", "starts 0")).unwrap();
    let refusal = open(temporary.path()).err().unwrap().to_string();
    assert!(
        refusal.contains("strandline is damaged: its checksum does not match"),
        "{refusal}"
    );
    fs::write(&file, "x".repeat(5000)).unwrap();
    let refusal = open(temporary.path()).err().unwrap().to_string();
    assert!(refusal.contains("5000 bytes"), "{refusal}");
}

#[test]
fn a_directory_of_another_broker_is_refused_with_both_ids() {
    let temporary = TempDir::new().unwrap();
    drop(open(temporary.path()).unwrap());
    let other = DataDirectory::open(temporary.path(), 1, &SystemClock);
    let refusal = other.err().unwrap().to_string();
    assert!(
        refusal.contains("belongs to broker 0, not 1; start with --id 0"),
        "{refusal}"
    );
}

#[test]
fn a_path_that_is_a_file_is_refused_by_name() {
    let temporary = TempDir::new().unwrap();
    let file = temporary.path().join("file");
    fs::write(&file, "x").unwrap();
    let refusal = open(&file).err().unwrap().to_string();
    assert!(
        refusal.contains("file") && refusal.contains("not a directory"),
        "{refusal}"
    );
}

#[test]
fn a_promise_and_a_membership_outlive_the_process_and_a_second_cluster_is_refused() {
    let temporary = TempDir::new().unwrap();
    let [one, other] = [[1; 16], [2; 16]].map(ClusterId::from_bytes);
    let first = open(temporary.path()).unwrap();
    assert_eq!(first.bond(), Bond::None);
    let promised = Bond::Promised {
        cluster: one,
        initial_brokers: 3,
    };
    first.join(promised).unwrap();
    drop(first);
    let second = open(temporary.path()).unwrap();
    assert_eq!(second.bond(), promised);
    let member = |cluster| Bond::Member {
        cluster,
        replica: ReplicaId::new(7),
        initial_brokers: Some(3),
    };
    second.join(member(one)).unwrap();
    drop(second);
    let third = open(temporary.path()).unwrap();
    assert_eq!(third.bond(), member(one));
    let refusal = third.join(member(other)).unwrap_err().to_string();
    assert!(
        refusal.contains(&one.to_string()) && refusal.contains(&other.to_string()),
        "{refusal}"
    );
}
