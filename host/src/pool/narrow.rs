//! Requests with less than the pool's sandbox has: what less is.

use crate::error::PoolError;
use crate::policy::{Access, DirGrant, Grants, Limits, NetworkLimits, Quota};
use std::fmt::Debug;

/// Whether limits are nowhere above the pool's.
pub(super) fn check_limits(asked: &Limits, pool: &Limits) -> Result<(), PoolError> {
    let Limits {
        timeout,
        grace,
        cpu,
        life,
        fuel,
        host_calls,
        host_call_time,
        memory,
        value,
        host_memory,
        objects,
        output,
        files,
        folder,
        network,
    } = asked;
    bounded("limits.timeout", timeout, &pool.timeout)?;
    at_most("limits.grace", grace, &pool.grace)?;
    bounded("limits.cpu", cpu, &pool.cpu)?;
    bounded("limits.life", life, &pool.life)?;
    bounded("limits.fuel", fuel, &pool.fuel)?;
    at_most("limits.host_calls", host_calls, &pool.host_calls)?;
    bounded("limits.host_call_time", host_call_time, &pool.host_call_time)?;
    at_most("limits.host_memory", host_memory, &pool.host_memory)?;
    at_most("limits.memory", memory, &pool.memory)?;
    at_most("limits.value", value, &pool.value)?;
    at_most("limits.objects", objects, &pool.objects)?;
    at_most("limits.output", output, &pool.output)?;
    at_most("limits.files", files, &pool.files)?;
    quota("limits.folder", *folder, pool.folder)?;
    let NetworkLimits { connections, opened, sent, received, connect } = network;
    at_most("limits.network.connections", connections, &pool.network.connections)?;
    at_most("limits.network.opened", opened, &pool.network.opened)?;
    at_most("limits.network.sent", sent, &pool.network.sent)?;
    at_most("limits.network.received", received, &pool.network.received)?;
    at_most("limits.network.connect", connect, &pool.network.connect)
}

/// Whether grants are some of the pool's. Where less is no matter of counting, as with clocks, they have to be the
/// same.
pub(super) fn check_grants(asked: &Grants, pool: &Grants) -> Result<(), PoolError> {
    let Grants { dirs, mounts, tmp, network, env, clock, seed } = asked;
    for dir in dirs {
        let covers = |granted: &&DirGrant| {
            granted.host == dir.host
                && granted.guest == dir.guest
                && (granted.access == dir.access || granted.access == Access::ReadWrite)
        };
        if !pool.dirs.iter().any(|granted| covers(&granted)) {
            return Err(more("grants.dirs", dir, &pool.dirs));
        }
    }
    some_of("grants.mounts", mounts, &pool.mounts)?;
    check_hidden(asked, pool)?;
    match (tmp, pool.tmp) {
        (None, _) => {}
        (Some(asked), Some(allowed)) => quota("grants.tmp", *asked, allowed)?,
        (Some(asked), None) => return Err(more("grants.tmp", asked, &"none")),
    }
    some_of("grants.network.hosts", &network.hosts, &pool.network.hosts)?;
    for http in &network.http {
        // Without its text: it may hold secrets of another tenant's.
        if !pool.network.http.contains(http) {
            return Err(more(
                "grants.network.http",
                &http.origin,
                &"the origins of the pool, as they are",
            ));
        }
    }
    // A request to an origin of these goes through the host, which a grant of its name would let pass.
    if !network.hosts.is_empty() && network.http.len() < pool.network.http.len() {
        let allowed = "all of the pool's, as long as there are hosts";
        return Err(more("grants.network.http", &"fewer", &allowed));
    }
    same("grants.network.roots", &network.roots, &pool.network.roots)?;
    for (name, value) in env {
        if !pool.env.iter().any(|(known, has)| known == name && has == value) {
            return Err(more("grants.env", name, &"the variables of the pool, as they are"));
        }
    }
    same("grants.clock", clock, &pool.clock)?;
    same("grants.seed", seed, &pool.seed)
}

/// What is mounted below something else hides a part of that: it cannot be left out alone.
fn check_hidden(asked: &Grants, pool: &Grants) -> Result<(), PoolError> {
    let kept: Vec<String> = asked.all_mounts().into_iter().map(|mount| mount.guest).collect();
    let path = |guest: &str| format!("{}/", guest.trim_end_matches('/'));
    for hidden in pool.all_mounts() {
        let below = |above: &String| path(&hidden.guest).starts_with(&path(above));
        let stays = kept.iter().any(|guest| path(guest) == path(&hidden.guest));
        if let (false, Some(above)) = (stays, kept.iter().find(|above| below(above))) {
            let asked = format!("{above:?} without {:?} in it", hidden.guest);
            let allowed = "both or neither".into();
            return Err(PoolError::Override { field: "grants.mounts", asked, allowed });
        }
    }
    Ok(())
}

fn more(field: &'static str, asked: &impl Debug, allowed: &(impl Debug + ?Sized)) -> PoolError {
    PoolError::Override { field, asked: format!("{asked:?}"), allowed: format!("{allowed:?}") }
}

fn at_most<T: PartialOrd + Debug>(
    field: &'static str,
    asked: &T,
    allowed: &T,
) -> Result<(), PoolError> {
    if asked <= allowed { Ok(()) } else { Err(more(field, asked, allowed)) }
}

/// Here `None` is no bound at all.
fn bounded<T: PartialOrd + Debug>(
    field: &'static str,
    asked: &Option<T>,
    allowed: &Option<T>,
) -> Result<(), PoolError> {
    match (asked, allowed) {
        (_, None) => Ok(()),
        (Some(asked), Some(allowed)) => at_most(field, asked, allowed),
        (None, Some(allowed)) => Err(PoolError::Override {
            field,
            asked: "no limit".into(),
            allowed: format!("{allowed:?}"),
        }),
    }
}

fn quota(field: &'static str, asked: Quota, allowed: Quota) -> Result<(), PoolError> {
    if asked.bytes <= allowed.bytes && asked.files <= allowed.files {
        return Ok(());
    }
    Err(more(field, &asked, &allowed))
}

fn some_of<T: PartialEq + Debug>(
    field: &'static str,
    asked: &[T],
    allowed: &[T],
) -> Result<(), PoolError> {
    match asked.iter().find(|one| !allowed.contains(one)) {
        Some(one) => Err(more(field, one, allowed)),
        None => Ok(()),
    }
}

fn same<T: PartialEq + Debug>(field: &'static str, asked: &T, pool: &T) -> Result<(), PoolError> {
    if asked == pool { Ok(()) } else { Err(more(field, asked, pool)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Clock, HttpGrant, Network, Secret};
    use std::time::Duration;

    fn refused(result: Result<(), PoolError>) -> &'static str {
        match result {
            Err(PoolError::Override { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn limits_go_down_only() {
        let pool = Limits { fuel: Some(1_000), ..Limits::default() };
        let with = |change: fn(&mut Limits)| {
            let mut asked = pool;
            change(&mut asked);
            check_limits(&asked, &pool)
        };
        assert!(with(|_| {}).is_ok());
        assert!(with(|limits| limits.memory = 0).is_ok());
        assert!(with(|limits| limits.life = Some(Duration::MAX)).is_ok());
        assert_eq!(refused(with(|limits| limits.memory += 1)), "limits.memory");
        assert_eq!(refused(with(|limits| limits.timeout = None)), "limits.timeout");
        assert_eq!(refused(with(|limits| limits.fuel = None)), "limits.fuel");
        assert_eq!(refused(with(|limits| limits.fuel = Some(1_001))), "limits.fuel");
        assert_eq!(refused(with(|limits| limits.folder.files += 1)), "limits.folder");
        assert_eq!(refused(with(|limits| limits.network.sent += 1)), "limits.network.sent");
    }

    #[test]
    fn grants_are_fewer_only() {
        let mut http = HttpGrant::new("https://a.example");
        http.secrets = vec![Secret::new("Authorization", "5up3r")];
        let pool = Grants {
            dirs: vec![DirGrant::read_write("/srv", "/data")],
            network: Network {
                hosts: vec!["a.example:80".into()],
                http: vec![http],
                ..Network::default()
            },
            env: vec![("LANG".into(), "C".into())],
            ..Grants::default()
        };
        let with = |change: fn(&mut Grants)| {
            let mut asked = pool.clone();
            change(&mut asked);
            check_grants(&asked, &pool)
        };
        assert!(with(|_| {}).is_ok());
        assert_eq!(refused(with(|grants| grants.network.http.clear())), "grants.network.http");
        assert!(with(|grants| grants.dirs[0].access = Access::ReadOnly).is_ok());
        assert!(
            with(|grants| {
                *grants = Grants { tmp: None, ..Grants::default() };
            })
            .is_ok()
        );
        let read_only = Grants { dirs: vec![DirGrant::read_only("/srv", "/data")], ..pool.clone() };
        assert_eq!(refused(check_grants(&pool, &read_only)), "grants.dirs");
        assert_eq!(refused(with(|grants| grants.dirs[0].host = "/".into())), "grants.dirs");
        let hosts = with(|grants| grants.network.hosts[0] = "*".into());
        assert_eq!(refused(hosts), "grants.network.hosts");
        assert_eq!(refused(with(|grants| grants.env[0].1 = "D".into())), "grants.env");
        assert_eq!(refused(with(|grants| grants.seed = Some(1))), "grants.seed");
        assert_eq!(
            refused(with(|grants| grants.tmp = Some(Quota::of_bytes(u64::MAX)))),
            "grants.tmp"
        );
        let mut root = pool.clone();
        root.dirs.push(DirGrant::read_only("/", "/"));
        let hidden = Grants { tmp: None, ..root.clone() };
        assert_eq!(refused(check_grants(&hidden, &root)), "grants.mounts");
        let fixed = Clock::Fixed { start: Duration::ZERO, step: Duration::ZERO };
        let clock = check_grants(&Grants { clock: fixed, ..pool.clone() }, &pool);
        assert_eq!(refused(clock), "grants.clock");
        let origin = with(|grants| grants.network.http[0].methods.push("GET".into()))
            .expect_err("it is refused");
        assert!(!origin.to_string().contains("5up3r"), "{origin}");
    }
}
