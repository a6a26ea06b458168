//! Which partition a key goes to: Kafka's default rule, so that clients of both kinds agree.
//!
//! `toPositive(murmur2(key)) % partitions`, with Kafka's seed. Source: Austin Appleby's MurmurHash2 as
//! in `org.apache.kafka.common.utils.Utils`. It knows nothing of records without a key: where those go
//! is the producer's choice.

use std::num::NonZeroU32;

use crate::PartitionIndex;

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// The partition of a key, among `partitions` ones numbered from 0.
pub fn partition_for_key(key: &[u8], partitions: NonZeroU32) -> PartitionIndex {
    // Kafka clears the sign bit rather than taking the absolute value.
    let positive = murmur2(key).cast_unsigned() & i32::MAX.cast_unsigned();
    PartitionIndex::new(positive % partitions)
}

/// MurmurHash2 (32 bits, little-endian words) with Kafka's seed, as the signed number that Java has.
pub fn murmur2(bytes: &[u8]) -> i32 {
    // The length is mixed in modulo 2^32, as the algorithm has it.
    let mut hash = SEED ^ (bytes.len() as u32);
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> SHIFT;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_gives_the_values_of_kafkas_own_tests() {
        let cases: [(&[u8], i32); 8] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (
                b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            (b"abc", 479_470_107),
            (&[12, 42, 56, 24, 109, 111], 274_204_207),
            (b"", 275_646_681),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key), hash, "{key:?}");
        }
    }

    #[test]
    fn a_negative_hash_loses_its_sign_bit_and_not_its_sign() {
        let ten = NonZeroU32::new(10).unwrap();
        assert_eq!(
            partition_for_key(b"foobar", ten),
            PartitionIndex::new(1_357_151_166 % 10)
        );
        assert_eq!(
            partition_for_key(b"21", ten),
            PartitionIndex::new(1_173_551_340 % 10)
        );
    }

    #[test]
    fn one_partition_takes_every_key() {
        for key in [&b""[..], b"a", b"foobar"] {
            assert_eq!(
                partition_for_key(key, NonZeroU32::MIN),
                PartitionIndex::new(0)
            );
        }
    }
}
