//! akvlens reads exported Azure Key Vault diagnostic logs (category `AuditEvent`) and tells the
//! people who run vaults what failed, who it was, why, and what to do.
//!
//! ```text
//!  blobs              bytes           records          causes          facts           report         bytes
//! source ──open──► decode ──Record──► classify ──Cause──► facts ──merge──► findings ──Report──► render ──► output
//!                     └── rejects and coverage ────────────►│
//!        ingest drives the first four for each worker, then merges
//! ```
//!
//! The modules below stand in that order; arrows go one way. `ARCHITECTURE.md` has the map and the
//! invariants.

pub mod cli;
pub mod settings;

pub mod source;

pub mod decode;

pub mod data_file;
pub mod record;
pub mod ticks;

pub mod classify;
pub mod redact;

pub mod facts;
pub mod parts;

pub mod ingest;

pub mod knowledge;

pub mod findings;

pub mod report;

pub mod render;

pub mod explain;

pub mod output;
pub mod progress;

pub mod error;
pub mod run;
