//! The seam to the filesystem.
