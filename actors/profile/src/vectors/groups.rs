//! §4.8: groups.

use serde_json::{Value, json};

use super::world::{
    Ask, CMS,
    Expect::{self, Done, Insufficient, InvalidToken},
    Fixture, Setup, Vector,
};
use crate::{
    judge::Diagnosis as D,
    testing::{CryptoFault, Draft, Way},
};

pub(super) fn vectors(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let groups = |groups: Value| f.good().without("scope").claim("wlcg.groups", groups);
    let get = || Ask::get("/wlcg/data/f1");
    let put_protected = || Ask::put("/wlcg/protected/n");
    let row = |id, case: &str, draft: Draft, ask: Ask, expect: Expect, why| {
        Ok::<_, CryptoFault>(Vector::new(id, case, f.sign(&draft)?, expect, why).ask(ask))
    };
    let many: Vec<String> = (0..1000)
        .map(|n| {
            if n == 0 {
                "/wlcg".to_owned()
            } else {
                format!("/g{n:03}")
            }
        })
        .collect();
    let foreign = f.good().without("scope").claim("iss", CMS);
    let foreign = foreign.claim("wlcg.groups", json!(["/wlcg/test"]));
    let test = || json!(["/wlcg/test"]);
    let mut all = vec![
        row(
            "V-140",
            "member",
            groups(json!(["/wlcg"])),
            get(),
            Done(&[200]),
            D::Ok,
        )?
        .then(Ask::put("/wlcg/data/n"), Done(&[201]), D::Ok)
        .then(put_protected(), Insufficient, D::GroupDenied),
        row(
            "V-141",
            "test",
            groups(test()),
            Ask::get("/wlcg/protected/p"),
            Done(&[200]),
            D::Ok,
        )?,
        row(
            "V-142",
            "parent",
            groups(json!(["/wlcg"])),
            put_protected(),
            Insufficient,
            D::GroupDenied,
        )?,
        row(
            "V-143",
            "a string",
            groups(json!("/wlcg")),
            get(),
            InvalidToken,
            D::MalformedClaim,
        )?,
    ];
    for name in ["wlcg", "/wlcg/", "/wlcg//x", "/-x", "/wlcg/é"] {
        all.push(row(
            "V-144",
            name,
            groups(json!([name])),
            get(),
            InvalidToken,
            D::BadGroups,
        )?);
    }
    let wish = f.good().claim("scope", "wlcg.groups:/wlcg/test");
    let mixed = f.good().claim("wlcg.groups", test());
    let compute = mixed.clone().claim("scope", "compute.read");
    let openid = f.good().claim("scope", "openid wlcg.groups:/wlcg/test");
    let openid = openid.claim("wlcg.groups", json!(["/wlcg/test", "/wlcg"]));
    let iam_groups = f.good().without("scope").claim("groups", test());
    let twice = groups(json!(["/wlcg", "/wlcg"]));
    all.extend([
        row(
            "V-145",
            "a number",
            groups(json!(["/wlcg", 5])),
            get(),
            InvalidToken,
            D::MalformedClaim,
        )?,
        row(
            "V-146",
            "boundary",
            groups(json!(["/wlcg/testing"])),
            put_protected(),
            Insufficient,
            D::GroupNotPermitted,
        )?,
        row(
            "V-147",
            "case",
            groups(json!(["/WLCG/test"])),
            put_protected(),
            Insufficient,
            D::GroupNotPermitted,
        )?,
        row(
            "V-148",
            "compute scope",
            compute,
            put_protected(),
            Insufficient,
            D::NoStorageCap,
        )?,
        row(
            "V-149",
            "storage scope",
            mixed,
            put_protected(),
            Insufficient,
            D::NotCovered,
        )?
        .then(get(), Done(&[200]), D::Ok),
        row(
            "V-150",
            "no capability",
            openid,
            put_protected(),
            Done(&[201]),
            D::Ok,
        )?,
        row(
            "V-151",
            "a wish",
            wish,
            put_protected(),
            Insufficient,
            D::NothingGranted,
        )?,
        Vector::new(
            "V-152",
            "foreign issuer",
            foreign.sign(&f.cms_k1, Way::Usual)?,
            Insufficient,
            D::OutsideArea,
        ),
        row(
            "V-153",
            "claim groups",
            iam_groups,
            put_protected(),
            Insufficient,
            D::NothingGranted,
        )?,
        row("V-154", "twice", twice, get(), Done(&[200]), D::GroupTwice)?,
        row(
            "V-155",
            "1000 groups",
            groups(json!(many)),
            get(),
            Done(&[200]),
            D::Ok,
        )?
        .with(Setup::MaxTokenBytes(16_384)),
    ]);
    Ok(all)
}
