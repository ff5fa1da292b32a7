//! An HMAC that was keyed once: its state is copied for each message, which saves two of four compressions and allocates
//! nothing.

use hmac::digest::core_api::{Buffer, FixedOutputCore};
use hmac::digest::generic_array::typenum::{IsLess, Le, NonZero, U256};
use hmac::digest::{KeyInit, Output};
use hmac::{Hmac, HmacCore};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::Hash;

#[derive(Clone)]
pub(super) enum Keyed {
    Sha1(State<HmacCore<Sha1>>),
    Sha256(State<HmacCore<Sha256>>),
    Sha512(State<HmacCore<Sha512>>),
}

/// An [`Hmac`] taken apart. Copied as a whole, its buffer comes to lie where the hash reads it slowly, which made a code
/// with SHA-256 cost a fifth more (`cargo xtask bench --only code`).
#[derive(Clone)]
pub(super) struct State<C: FixedOutputCore>
where
    C::BlockSize: IsLess<U256>,
    Le<C::BlockSize, U256>: NonZero,
{
    core: C,
    buffer: Buffer<C>,
}

impl Keyed {
    pub(super) fn prepare(hash: Hash, secret: &[u8]) -> Self {
        match hash {
            Hash::Sha1 => Self::Sha1(keyed::<Hmac<Sha1>>(secret).decompose().into()),
            Hash::Sha256 => Self::Sha256(keyed::<Hmac<Sha256>>(secret).decompose().into()),
            Hash::Sha512 => Self::Sha512(keyed::<Hmac<Sha512>>(secret).decompose().into()),
        }
    }

    /// Takes in the beginning of what all further messages have in common.
    pub(super) fn absorb(mut self, bytes: &[u8]) -> Self {
        match &mut self {
            Self::Sha1(state) => state.update(bytes),
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
        self
    }

    /// Hands the HMAC over what was absorbed and `message` to `then`. Always inlined: where the length of `message` is
    /// known, a code costs some nanoseconds less.
    #[inline(always)]
    pub(super) fn mac<T>(&self, message: &[u8], then: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Self::Sha1(state) => then(&state.mac(message)),
            Self::Sha256(state) => then(&state.mac(message)),
            Self::Sha512(state) => then(&state.mac(message)),
        }
    }
}

fn keyed<M: KeyInit>(secret: &[u8]) -> M {
    M::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

impl<C: FixedOutputCore> From<(C, Buffer<C>)> for State<C>
where
    C::BlockSize: IsLess<U256>,
    Le<C::BlockSize, U256>: NonZero,
{
    fn from((core, buffer): (C, Buffer<C>)) -> Self {
        Self { core, buffer }
    }
}

impl<C: FixedOutputCore + Clone> State<C>
where
    C::BlockSize: IsLess<U256>,
    Le<C::BlockSize, U256>: NonZero,
{
    #[inline(always)]
    fn update(&mut self, bytes: &[u8]) {
        let Self { core, buffer } = self;
        buffer.digest_blocks(bytes, |blocks| core.update_blocks(blocks));
    }

    #[inline(always)]
    fn mac(&self, message: &[u8]) -> Output<C> {
        let mut state = self.clone();
        state.update(message);
        let mut output = Output::<C>::default();
        state.core.finalize_fixed_core(&mut state.buffer, &mut output);
        output
    }
}
