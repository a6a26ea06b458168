//! The new file of a segment: begun beside the old one, written, and put into its place.

use std::io::{self, IoSlice};

use model::FilePosition;
use model::batch::BatchHeader;

use super::{Around, Build, COPY_BYTES, SUFFIX, Taken};
use crate::log::remove_if_there;
use crate::repair::error::{FillError, RepairError};
use crate::repair::patient::Patient;
use crate::repair::runs::Run;
use crate::repair::survey::{Piece, PieceState, io_error};
use crate::segment::scan::Window;
use crate::segment::{IndexEntry, SegmentFacts, SegmentName, SparseIndex};

impl Around<'_> {
    /// Begins the new file, unless it is begun, with the run that the old one begins with.
    pub(super) fn open(&self, piece: &mut Piece) -> Result<(), FillError> {
        let PieceState::Damaged(damaged) = &mut piece.state else {
            return Ok(());
        };
        if damaged.build.is_some() {
            return Ok(());
        }
        let name = SegmentName {
            base_index: damaged.base.index,
            base_offset: damaged.base.offset,
        };
        let path = self.path.join(name.log_file() + SUFFIX);
        let disk = &*self.shared.disk;
        let created = remove_if_there(disk, &path).and_then(|()| disk.create(&path));
        let out = created.map_err(io_error(&path))?;
        damaged.next_run = 0;
        damaged.build = Some(Build {
            path,
            out,
            facts: SegmentFacts::empty(name),
            index: SparseIndex::default(),
        });
        self.go_on(piece)
    }

    /// Copies a run, as far as it is still sound.
    pub(super) fn copy(
        &self,
        name: SegmentName,
        run: &Run,
        build: &mut Build,
    ) -> Result<(), RepairError> {
        let path = self.path.join(name.log_file());
        let file = Patient::new(self.shared.disk.open(&path).map_err(io_error(&path))?);
        let search = self.search(&file, name);
        let mut window = Window::default();
        let mut position = run.start;
        let (mut bytes, mut headers) = (Vec::new(), Vec::new());
        let mut offset = run.offset;
        while position < run.end {
            let batch = search
                .batch(&mut window, position)
                .map_err(io_error(&path))?;
            let Some(batch) = batch.ok().filter(|b| b.header().base_offset() == offset) else {
                tracing::error!(file = %path.display(), byte = position, "damage met while repairing");
                break;
            };
            position += batch.total_bytes() as u64;
            offset = batch.header().end_offset();
            headers.push(*batch.header());
            bytes.extend(batch.parts().concat());
            if bytes.len() >= COPY_BYTES {
                self.write(build, &[&bytes], &headers)?;
                bytes.clear();
                headers.clear();
            }
        }
        self.write(build, &[&bytes], &headers)
    }

    /// Writes whole batches behind those there are.
    pub(super) fn write(
        &self,
        build: &mut Build,
        parts: &[&[u8]],
        headers: &[BatchHeader],
    ) -> Result<(), RepairError> {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let shared = self.shared;
        let space = shared
            .budget
            .reserve(&*shared.disk, self.path, bytes as u64);
        let written = space
            .map_err(|full| io::Error::new(io::ErrorKind::StorageFull, full.to_string()))
            .and_then(|_space| {
                let parts: Vec<_> = parts.iter().copied().map(IoSlice::new).collect();
                let at = FilePosition::new(build.facts.bytes);
                build.out.write_at(at, &parts)
            });
        written.map_err(io_error(&build.path))?;
        for header in headers {
            let entry = IndexEntry {
                index: build.facts.end_index,
                offset: header.base_offset(),
                position: build.facts.bytes,
                max_timestamp_before: build.facts.max_timestamp,
            };
            build.index.note(entry, self.interval);
            build.facts.count(header);
        }
        Ok(())
    }

    /// A missing file is as large as a segment may be: it takes its place, and the rest goes into another.
    pub(super) fn roll(&self, piece: &mut Piece) -> Result<Taken, FillError> {
        let PieceState::Damaged(damaged) = &mut piece.state else {
            return Ok(Taken::Met);
        };
        let Some(build) = damaged.build.take() else {
            return Ok(Taken::Met);
        };
        self.place(&build, true)?;
        let full = Piece {
            name: build.facts.name,
            is_there: true,
            state: PieceState::Sound(build.facts),
        };
        damaged.base = build.at();
        piece.name = SegmentName {
            base_index: damaged.base.index,
            base_offset: damaged.base.offset,
        };
        self.open(piece)?;
        Ok(Taken::Rolled(Box::new(full)))
    }

    /// The new file takes the old one's place.
    pub(super) fn finish(&self, piece: &mut Piece) -> Result<(), RepairError> {
        let old = piece.is_there.then_some(piece.name);
        let PieceState::Damaged(damaged) = &mut piece.state else {
            return Ok(());
        };
        let is_sealed = damaged.end.is_some();
        let Some(build) = &damaged.build else {
            return Ok(());
        };
        let facts = build.facts;
        let (disk, name) = (&*self.shared.disk, facts.name);
        if facts.bytes > 0 {
            self.place(build, is_sealed)?;
            tracing::info!(file = %self.path.join(name.log_file()).display(), entries = facts.end_index.since(name.base_index), "segment repaired");
        } else {
            remove_if_there(disk, &build.path).map_err(io_error(&build.path))?;
        }
        if let Some(old) = old.filter(|old| *old != name || facts.bytes == 0) {
            self.remove(old)?;
        }
        piece.name = name;
        piece.is_there = facts.bytes > 0;
        piece.state = PieceState::Sound(facts);
        Ok(())
    }

    fn place(&self, build: &Build, is_sealed: bool) -> Result<(), RepairError> {
        let disk = &*self.shared.disk;
        let name = build.facts.name;
        let path = self.path.join(name.log_file());
        build.out.sync().map_err(io_error(&build.path))?;
        // A stored index may be of other bytes. Without one the segment is read through.
        let index = self.path.join(name.index_file());
        remove_if_there(disk, &index).map_err(io_error(&index))?;
        let placed = disk.rename(&build.path, &path);
        let placed = placed.and_then(|()| disk.sync_directory(self.path));
        placed.map_err(io_error(&path))?;
        if is_sealed {
            let bytes = build.index.encode(&build.facts);
            let written = disk
                .create(&index)
                .and_then(|file| file.write_at(FilePosition::ZERO, &[IoSlice::new(&bytes)]));
            if let Err(error) = written {
                tracing::warn!(file = %index.display(), %error, "an index is not written");
            }
        }
        Ok(())
    }

    fn remove(&self, name: SegmentName) -> Result<(), RepairError> {
        let disk = &*self.shared.disk;
        let checkpoint = crate::log::checkpoint_file(name.base_index);
        for file in [name.log_file(), name.index_file(), checkpoint] {
            let path = self.path.join(file);
            remove_if_there(disk, &path).map_err(io_error(&path))?;
        }
        disk.sync_directory(self.path).map_err(io_error(self.path))
    }

    /// What is in the new file is not sure any more.
    pub(super) fn give_up(&self, piece: &mut Piece) {
        if let PieceState::Damaged(damaged) = &mut piece.state
            && let Some(build) = damaged.build.take()
        {
            damaged.next_run = 0;
            // The failure before is the one that tells.
            let _ = remove_if_there(&*self.shared.disk, &build.path);
        }
    }
}
