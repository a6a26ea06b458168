//! Disks whose power is cut.

use strandline_tests::harness::{LoopDisk, Place, skip};

use crate::trial::{BROKERS, alone, any, try_with};

const MEBIBYTES: u64 = 512;

fn disks() -> Result<(Vec<LoopDisk>, Vec<Place>), String> {
    let mut disks = Vec::new();
    for _ in 0..BROKERS {
        disks.push(LoopDisk::make(MEBIBYTES)?);
    }
    let place = |disk: &LoopDisk| Place {
        data: Some(disk.path().join("data")),
        ..Place::default()
    };
    let places = disks.iter().map(place).collect();
    Ok((disks, places))
}

#[test]
fn no_acknowledged_record_is_lost_when_the_power_of_one_broker_is_cut() {
    let _alone = alone();
    let (disks, places) = match disks() {
        Ok(made) => made,
        Err(lacking) => return skip("power cuts of one broker of three", &lacking),
    };
    try_with("one-cut", places, &[], |cluster, chance| {
        let victim = any(chance);
        let disk = &disks[victim as usize];
        disk.cut_power();
        cluster.kill(victim);
        disk.restore_power();
        cluster.restart(victim);
    });
}

#[test]
fn no_acknowledged_record_is_lost_when_the_power_of_all_brokers_is_cut() {
    let _alone = alone();
    let (disks, places) = match disks() {
        Ok(made) => made,
        Err(lacking) => return skip("power cuts of all brokers", &lacking),
    };
    try_with("all-cut", places, &[], |cluster, _| {
        for disk in &disks {
            disk.cut_power();
        }
        for id in 0..BROKERS {
            cluster.kill(id);
        }
        for (id, disk) in (0..).zip(&disks) {
            disk.restore_power();
            cluster.launch(id);
        }
        cluster.await_all_ready();
    });
}
