//! See `akvlens_fuzz::csv`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::csv);
