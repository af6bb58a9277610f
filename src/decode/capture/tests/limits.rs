//! What a file may cost.

use super::*;

/// A little more than a file may always expand to.
const TOO_MUCH: usize = 65 << 20;

/// The codecs that make bytes fewer.
fn packers() -> [apache_avro::Codec; 3] {
    let [_, deflate, snappy, zstandard] = codecs();
    [deflate, snappy, zstandard]
}

#[test]
fn a_bomb_costs_its_block_alone() {
    assert!(TOO_MUCH as u64 > FREE_EXPANSION);
    let bomb = vec![b' '; TOO_MUCH];
    for codec in packers() {
        let one = |id: &str| record(id).into_bytes();
        let file = bare(codec, &[one("a"), bomb.clone(), one("b"), one("c")]);
        let limits = Limits { max_expansion: 2, ..Limits::default() };
        let found = read_from(&file[..], limits);
        assert_eq!(found.ids(), ["a", "b", "c"], "{codec:?}");
        let reason = match codec {
            apache_avro::Codec::Snappy => Reason::TooLong,
            _ => Reason::ExpansionLimit,
        };
        assert_eq!(found.reasons(), [reason]);
        assert!(found.detail().starts_with("block 2, bytes "), "{}", found.detail());
    }
}

#[test]
fn the_free_bytes_are_those_of_the_file() {
    // Two blocks that fit alone and not together, when only free bytes let them.
    let half = vec![b' '; TOO_MUCH / 2 + (1 << 20)];
    let [deflate, ..] = packers();
    let file = bare(deflate, &[half.clone(), half, record("a").into_bytes()]);
    let limits = Limits { max_expansion: 2, ..Limits::default() };
    let found = read_from(&file[..], limits);
    assert_eq!((found.ids(), found.reasons()), (vec!["a"], vec![Reason::TooLong, Reason::ExpansionLimit]));
    let found = read_from(&file[..], Limits { max_expansion: 5000, ..limits });
    assert_eq!((found.ids(), found.reasons()), (vec!["a"], vec![Reason::TooLong; 2]));
}

#[test]
fn a_body_too_long_is_passed_over() {
    let long = vec![b' '; 33 << 20];
    let file = bare(codecs()[0], &[record("a").into_bytes(), long.clone(), record("b").into_bytes()]);
    let found = read(&file);
    assert_eq!((found.ids(), found.reasons()), (vec!["a", "b"], vec![Reason::TooLong]));
    let first = record("a").len() as u64;
    assert_eq!(found.rejects[0].place, Place { offset: first, line: 2, bytes: long.len() as u64 });
    assert_eq!(found.totals.bytes, first * 2 + long.len() as u64);
    let limits = Limits { max_record_bytes: 34 << 20, ..Limits::default() };
    let found = read_from(&file[..], limits);
    assert_eq!((found.ids(), found.reasons(), found.totals.blank), (vec!["a", "b"], vec![], 1));
}

#[test]
fn a_block_may_be_longer_than_what_is_at_hand() {
    // Bytes that no codec makes smaller, in bodies that each are one reject.
    let mut noise = fastrand::Rng::with_seed(1);
    let bodies: Vec<Vec<u8>> = (0..23)
        .map(|_| {
            (0..1 << 20)
                .map(|_| {
                    b"\"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[noise.usize(1..63)]
                })
                .collect()
        })
        .collect();
    for codec in [codecs()[0], codecs()[3]] {
        let mut stored: Vec<u8> = bodies.iter().flat_map(|body| sized(body)).collect();
        stored.extend(sized(record("a").as_bytes()));
        codec.compress(&mut stored).unwrap();
        assert!(stored.len() as u64 > AT_HAND);
        let name: &str = codec.into();
        let last = {
            let mut last = sized(record("b").as_bytes());
            codec.compress(&mut last).unwrap();
            block(1, &last)
        };
        let whole = [header(BARE, name), block(24, &stored), last].concat();
        let found = read(&whole);
        assert_eq!(found.ids(), ["a", "b"], "{name}");
        assert_eq!(found.reasons(), vec![Reason::NotJson; 23]);
        // Cut inside the long block: what was whole before the cut is there.
        let found = read(&whole[..whole.len() / 2]);
        assert_eq!(found.reasons().last(), Some(&Reason::Truncated));
        assert!(found.totals.incomplete && found.rejects.len() > 6, "{name}");
        // Damaged inside it: the block behind it is there.
        let mut damaged = whole.clone();
        damaged[whole.len() / 2..][..64].fill(0xff);
        assert_eq!(read(&damaged).ids().last(), Some(&"b"), "{name}");
    }
}

#[test]
fn a_snappy_block_is_unpacked_only_as_far_as_its_bytes_can_reach() {
    // Four gigabytes claimed by eleven bytes.
    let stored = [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0; 6]].concat();
    let last = {
        let mut last = sized(record("b").as_bytes());
        apache_avro::Codec::Snappy.compress(&mut last).unwrap();
        last
    };
    let file = [header(BARE, "snappy"), block(1, &stored), block(1, &last)].concat();
    let found = read(&file);
    assert_eq!((found.ids(), found.reasons()), (vec!["b"], vec![Reason::DamagedAvro]));
}

#[test]
fn the_sum_of_a_snappy_block_is_checked() {
    let mut stored = sized(record("a").as_bytes());
    apache_avro::Codec::Snappy.compress(&mut stored).unwrap();
    let last = stored.len() - 1;
    stored[last] ^= 1;
    let found = read(&[header(BARE, "snappy"), block(1, &stored), block(1, &[0])].concat());
    assert_eq!((found.ids(), found.reasons()), (Vec::<&str>::new(), vec![Reason::DamagedAvro; 2]));
    assert!(found.detail().ends_with("its bytes do not add up to its sum"));
    assert!(found.rejects[1].detail.as_ref().unwrap().ends_with("a snappy block without its sum"));
}
