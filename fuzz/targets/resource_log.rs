//! See `akvlens_fuzz::resource_log`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::resource_log);
