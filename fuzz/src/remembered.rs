//! The decoder that goes by what it remembers of earlier records, against the one that does not.

use akvlens::decode::resource_log::{Remembered, decode, decode_next};
use akvlens::record::Record;

/// Lines, one after another through one memory, give what each gives alone; and once more, when it
/// remembers them.
pub fn remembered(bytes: &[u8]) {
    let mut remembered = Remembered::default();
    for _ in 0..3 {
        for line in bytes.split(|byte| *byte == b'\n') {
            let (mut alone, mut record) = (Record::default(), Record::default());
            let expected = decode(line, &mut alone);
            assert_eq!(decode_next(line, &mut record, &mut remembered), expected);
            assert_eq!(record, alone);
        }
    }
}
