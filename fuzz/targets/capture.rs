//! See `akvlens_fuzz::capture`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::capture);
