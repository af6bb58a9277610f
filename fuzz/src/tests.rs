//! Every file of `regressions/` and `seeds/`, given to its target.

use std::fs;
use std::path::{Path, PathBuf};

use super::TARGETS;

/// The files under a folder of this crate, sorted; none where the folder is missing.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Gives the files of a target to its check and says which one breaks it.
fn replay(name: &str, folder: &str) -> usize {
    let (_, check) = TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let files = files(&format!("{folder}/{name}"));
    for file in &files {
        let bytes = fs::read(file).unwrap();
        println!("{}", file.display());
        check(&bytes);
    }
    files.len()
}

macro_rules! replayed {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                assert!(replay(stringify!($name), "seeds") > 0, "no seeds");
                replay(stringify!($name), "regressions");
            }
        )*

        #[test]
        fn every_target_and_every_folder_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(targets, replayed);
            for folder in files("seeds").iter().chain(&files("regressions")) {
                let name = folder.file_name().unwrap().to_str().unwrap();
                assert!(targets.contains(&name), "{}: no such target", folder.display());
            }
            for name in targets {
                assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("targets/{name}.rs")).is_file());
            }
        }
    };
}

replayed!(capture classify csv decode explain facts_reader framing parquet remembered resource_log rows);

#[test]
fn unchanged_facts_are_read() {
    for (_, mut seed) in crate::facts_reader::seeds() {
        crate::facts_reader(&seed);
        // Written and read again.
        seed[0] |= 8;
        crate::facts_reader(&seed);
    }
    let tables = crate::facts_reader::seeds()
        .into_iter()
        .take(akvlens::facts::parquet::TABLES.len())
        .map(|(_, seed)| seed[1..].to_vec());
    let facts = akvlens::facts::Facts::from_parquet(tables.collect::<Vec<_>>().try_into().unwrap()).unwrap();
    assert!(!facts.is_empty());
}

/// The form of the tables may change, and with it what is worth mutating.
#[test]
#[ignore = "writes seeds/facts_reader"]
fn write_the_tables_as_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/facts_reader");
    fs::create_dir_all(&folder).unwrap();
    for (name, seed) in crate::facts_reader::seeds() {
        fs::write(folder.join(name), seed).unwrap();
    }
}
