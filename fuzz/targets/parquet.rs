//! See `akvlens_fuzz::parquet`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::parquet);
