//! Reads of what is sound in a damaged log: other replicas may miss just that.

use std::ops::Range;
use std::sync::Arc;

use model::batch::Batch;
use model::{LogIndex, Offset};

use super::LogRepair;
use super::error::RepairError;
use super::patient::Patient;
use super::runs::Search;
use super::survey::{Piece, PieceState, io_error};
use crate::segment::file::read_index;
use crate::segment::scan::Window;
use crate::segment::{SegmentFacts, SparseIndex};

/// Where to begin to read, and where to stop.
struct Place {
    index: LogIndex,
    offset: Offset,
    position: u64,
    end: LogIndex,
}

impl LogRepair {
    /// Sound entries from `range.start`, about `max_bytes` of them, adjoining; none where that one is missing. Every
    /// checksum, offset and term is checked. Blocks.
    ///
    /// # Errors
    /// [`RepairError`]: the disk refused.
    pub fn read_entries(
        &mut self,
        range: Range<LogIndex>,
        max_bytes: usize,
    ) -> Result<Vec<(LogIndex, Batch)>, RepairError> {
        let behind = self
            .pieces
            .partition_point(|piece| piece.name.base_index <= range.start);
        let Some(at) = behind.checked_sub(1) else {
            return Ok(Vec::new());
        };
        let is_below = range.start < self.first_index();
        let place = self.place(at, range.start)?;
        let (Some(place), Some(piece), false) = (place, self.pieces.get(at), is_below) else {
            return Ok(Vec::new());
        };
        let name = piece.name;
        let path = self.path.join(name.log_file());
        let file = self.shared.disk.open(&path).map_err(io_error(&path))?;
        let search = Search {
            file: &Patient::new(file),
            name,
            terms: &self.terms,
            anchors: &[],
            noted: self.noted,
            offset_max: None,
            interval: self.settings.index_interval_bytes,
        };
        let (mut index, mut offset, mut position) = (place.index, place.offset, place.position);
        let mut window = Window::default();
        let (mut found, mut bytes) = (Vec::new(), 0);
        while index < place.end.min(range.end) {
            let batch = search
                .batch(&mut window, position)
                .map_err(io_error(&path))?;
            let sound = batch.ok().filter(|batch| {
                let header = batch.header();
                header.base_offset() == offset && header.term() == self.terms.term_at(index)
            });
            let Some(batch) = sound else {
                // Its index looked sound, its bytes are not.
                self.look_again(at)?;
                break;
            };
            position += batch.total_bytes() as u64;
            offset = batch.header().end_offset();
            if index >= range.start {
                bytes += batch.total_bytes();
                if bytes > max_bytes && !found.is_empty() {
                    break;
                }
                found.push((index, batch));
            }
            index = index.next();
        }
        Ok(found)
    }

    fn place(&mut self, at: usize, index: LogIndex) -> Result<Option<Place>, RepairError> {
        let Some(piece) = self.pieces.get(at) else {
            return Ok(None);
        };
        match &piece.state {
            PieceState::Sound(facts) if index < facts.end_index => {
                let facts = *facts;
                let stored = self.stored_index(piece, &facts)?;
                let base = facts.name;
                let entry = stored
                    .as_ref()
                    .and_then(|stored| stored.at_or_before_index(index));
                self.index = stored.map(|stored| (base.base_index, stored));
                let (first, offset, position) = entry
                    .map_or((base.base_index, base.base_offset, 0), |entry| {
                        (entry.index, entry.offset, entry.position)
                    });
                Ok(Some(Place {
                    index: first,
                    offset,
                    position,
                    end: facts.end_index,
                }))
            }
            PieceState::Sound(_) => Ok(None),
            PieceState::Damaged(damaged) => {
                let holds = |end: Option<LogIndex>| end.is_some_and(|end| index < end);
                let mut runs = damaged.runs.iter();
                let place = runs.find_map(|run| {
                    let (first, mark) = run.mark_before(index)?;
                    let end = run.end_index().filter(|_| holds(run.end_index()))?;
                    Some(Place {
                        index: first,
                        offset: mark.offset,
                        position: mark.position,
                        end,
                    })
                });
                Ok(place)
            }
        }
    }

    fn stored_index(
        &self,
        piece: &Piece,
        facts: &SegmentFacts,
    ) -> Result<Option<Arc<SparseIndex>>, RepairError> {
        let base = piece.name.base_index;
        if let Some((_, known)) = self.index.as_ref().filter(|(known, _)| *known == base) {
            return Ok(Some(known.clone()));
        }
        let path = self.path.join(piece.name.index_file());
        let stored = read_index(&*self.shared.disk, &path).map_err(io_error(&path))?;
        let stored =
            stored.filter(|(stored, _)| stored.bytes == facts.bytes && stored.name == facts.name);
        Ok(stored.map(|(_, index)| Arc::new(index)))
    }
}
