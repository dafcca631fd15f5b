//! Numbers that are the same for the same seed, wherever they are asked for.

use std::hash::{DefaultHasher, Hash, Hasher};

pub fn draw(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
