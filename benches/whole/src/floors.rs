//! What this program does when it is started as a part: a floor, or a piece of another row.
//!
//! In: the part's name and its file. Out: what the part answers, on standard output. Every floor reads its
//! file itself, a megabyte at a time, on one thread.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::answer::Answer;
use crate::fields::Fields;
use crate::input;
use crate::scanner::Scanner;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Stored bytes read at a time, as akvlens does.
const STORED_CHUNK: usize = 256 << 10;

/// Runs a part.
pub(crate) fn run(arguments: &[&str]) {
    if let ["make", folder, what @ ..] = arguments {
        return input::write(Path::new(folder), what).expect("the temporary folder has room");
    }
    let [part, file] = arguments else { panic!("--part NAME FILE") };
    match *part {
        "newlines" => println!("total={}", blocks(file, |block| memchr::memchr_iter(b'\n', block).count())),
        "serde_json" => println!("total={}", typed(file, |line| serde_json::from_slice(line).ok())),
        "sonic-rs" => println!("total={}", typed(file, |line| sonic_rs::from_slice(line).ok())),
        "scanner" => println!("{}", scanned(file)),
        "gunzip" => println!("bytes={}", gunzip(file)),
        "records" => input::stream(file.parse().expect("a number of records")),
        other => panic!("--part {other}: there is none"),
    }
}

/// Hands out the file in blocks of whole lines, and adds up what comes of them.
fn blocks(file: &str, mut each: impl FnMut(&[u8]) -> usize) -> usize {
    let mut file = File::open(file).expect("the file is there");
    let (mut buffer, mut filled, mut sum) = (vec![0; 2 * CHUNK], 0, 0);
    loop {
        let read = file.read(&mut buffer[filled..]).expect("the file can be read");
        filled += read;
        let whole = memchr::memrchr(b'\n', &buffer[..filled]).map_or(0, |at| at + 1);
        sum += each(&buffer[..whole]);
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
        if read == 0 {
            return sum;
        }
    }
}

/// Parses every line; says how many could be.
fn typed(file: &str, parse: impl for<'b> Fn(&'b [u8]) -> Option<Fields<'b>>) -> usize {
    blocks(file, |block| {
        let (mut start, mut parsed) = (0, 0);
        for end in memchr::memchr_iter(b'\n', block) {
            parsed += usize::from(black_box(parse(&block[start..end])).is_some());
            start = end + 1;
        }
        parsed
    })
}

/// What the scanner answers.
fn scanned(file: &str) -> Answer {
    let mut scanner = Scanner::default();
    blocks(file, |block| {
        scanner.feed(block);
        0
    });
    scanner.answer()
}

/// Decompresses with the library that akvlens uses; says how many bytes came out.
fn gunzip(file: &str) -> u64 {
    let file = File::open(file).expect("the file is there");
    let mut reader = MultiGzDecoder::new(BufReader::with_capacity(STORED_CHUNK, file));
    let (mut buffer, mut bytes) = (vec![0; CHUNK], 0);
    loop {
        match reader.read(&mut buffer).expect("it is whole") {
            0 => return bytes,
            read => bytes += read as u64,
        }
    }
}
