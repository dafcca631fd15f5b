//! Ranges of IP addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::arguments::{integer, list, operand, operands, text};
use super::{Fault, Outcome, Site};
use crate::engine::value::Value;

fn range(value: &Value) -> Outcome<IpNet> {
    let given = text(value)?;
    given.parse().map_err(|_| Fault::new(format!("`{given}` is no CIDR range such as `10.0.0.0/16`")))
}

fn bits(net: &IpNet) -> u128 {
    match net.network() {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn address(net: &IpNet, bits: u128) -> Outcome<IpAddr> {
    Ok(match net {
        IpNet::V4(_) => {
            let bits = u32::try_from(bits).map_err(|_| Fault::new("the address is past the end of IPv4"))?;
            IpAddr::V4(Ipv4Addr::from(bits))
        }
        IpNet::V6(_) => IpAddr::V6(Ipv6Addr::from(bits)),
    })
}

/// `[range, new bits, number]`: the subnet of that number whose prefix is that much longer.
pub(super) fn cidr_subnet(value: &Value, _: &Site) -> Outcome {
    operands::<3>(value, "`[range, new bits, number]`")?;
    let all = list(value)?;
    let (net, more, n) = (operand(all, 0, range)?, operand(all, 1, integer)?, operand(all, 2, integer)?);
    let length =
        u8::try_from(i64::from(net.prefix_len()) + more).ok().filter(|l| more >= 0 && *l <= net.max_prefix_len());
    let Some(length) = length else {
        let text =
            format!("{more} more bits do not fit into `{net}`: at most {}", net.max_prefix_len() - net.prefix_len());
        return Err(Fault::at(1, text));
    };
    let count = u32::try_from(more).ok().and_then(|more| 1u128.checked_shl(more)).unwrap_or(u128::MAX);
    let Some(n) = u128::try_from(n).ok().filter(|n| *n < count) else {
        return Err(Fault::at(2, format!("subnet {n} does not exist: `{net}` has {count} of `/{length}`, from 0")));
    };
    let shift = u32::from(net.max_prefix_len() - length);
    let first = bits(&net) + n.checked_shl(shift).unwrap_or(0);
    Ok(format!("{}/{length}", address(&net, first)?).into())
}

/// `[range, number]`: the address of that number; negative numbers count from the end.
pub(super) fn cidr_host(value: &Value, _: &Site) -> Outcome {
    operands::<2>(value, "`[range, number]`")?;
    let all = list(value)?;
    let (net, n) = (operand(all, 0, range)?, operand(all, 1, integer)?);
    let size = 1u128.checked_shl(u32::from(net.max_prefix_len() - net.prefix_len()));
    let distance = u128::from(n.unsigned_abs());
    let inside = |d: u128| size.is_none_or(|size| d < size);
    let offset = match (n >= 0, size) {
        (true, _) if inside(distance) => distance,
        (false, Some(size)) if distance <= size => size - distance,
        (false, None) => u128::MAX - distance + 1,
        _ => return Err(Fault::at(1, format!("address {n} is outside of `{net}`"))),
    };
    address(&net, bits(&net) + offset).map(|a| a.to_string().into())
}

/// The netmask of a range: `255.255.0.0`.
pub(super) fn cidr_netmask(value: &Value, _: &Site) -> Outcome {
    range(value).map(|net| net.netmask().to_string().into())
}
