//! §4.7: capabilities and paths.

use serde_json::{Value, json};

use super::world::{
    Ask, CMS,
    Expect::{self, Done, Insufficient, InvalidToken, Status},
    Fixture, Setup, Vector,
};
use crate::{
    judge::Diagnosis as D,
    testing::{CryptoFault, Draft, Way},
    version::ProfileVersion::{V1_0, V1_1},
};

pub(super) fn vectors(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let mut all = capabilities(f)?;
    all.extend(scope_paths(f)?);
    all.extend(request_paths(f)?);
    Ok(all)
}

/// A token of this scope, with what is asked and what must come of it.
struct Rows<'a>(&'a Fixture);

impl Rows<'_> {
    fn of(
        &self,
        id: &'static str,
        case: &str,
        scope: &str,
        asks: Vec<(Ask, Expect, D)>,
    ) -> Result<Vector, CryptoFault> {
        self.draft(id, case, &self.0.good().claim("scope", scope), asks)
    }

    fn draft(
        &self,
        id: &'static str,
        case: &str,
        draft: &Draft,
        asks: Vec<(Ask, Expect, D)>,
    ) -> Result<Vector, CryptoFault> {
        let token = self.0.sign(draft)?;
        let mut vector = Vector::bare(id, case).header(format!("Bearer {token}"));
        vector.asks = asks;
        Ok(vector)
    }
}

fn f1() -> Ask {
    Ask::get("/wlcg/data/f1")
}

fn done(ask: Ask, statuses: &'static [u16]) -> (Ask, Expect, D) {
    (ask, Done(statuses), D::Ok)
}

fn not(ask: Ask, why: D) -> (Ask, Expect, D) {
    (ask, Insufficient, why)
}

fn bad(ask: Ask, why: D) -> (Ask, Expect, D) {
    (ask, InvalidToken, why)
}

fn capabilities(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let r = Rows(f);
    let up = "storage.create:/data/up";
    let cms = f.good().claim("iss", CMS).claim("scope", "storage.read:/");
    let host = |scope: &str| {
        f.good()
            .claim("sub", "host:svc.example")
            .claim("scope", scope)
    };
    let new: &[&str] = &["/wlcg/data/up/new"];
    let new_and_existing: &[&str] = &["/wlcg/data/up/new", "/wlcg/data/up/existing"];
    let stage = "storage.stage:/tape";
    let t2 = || Ask::get("/wlcg/tape/t2");
    let mut all = vec![
        r.of(
            "V-100",
            "union",
            "storage.read:/x storage.read:/data",
            vec![done(f1(), &[200])],
        )?,
        r.of(
            "V-101",
            "no path",
            "storage.read",
            vec![bad(f1(), D::ScopeNoPath)],
        )?,
        r.of(
            "V-101a",
            "empty path",
            "storage.read: storage.read:/data",
            vec![bad(f1(), D::ScopeNoPath)],
        )?,
        r.of(
            "V-101b",
            "relative",
            "storage.read:data",
            vec![bad(f1(), D::ScopeRelative)],
        )?,
        r.of(
            "V-102",
            "",
            "storage.read:/foo",
            vec![not(Ask::get("/wlcg/foobar/f"), D::Boundary)],
        )?,
        r.of(
            "V-103",
            "",
            "storage.read:/foo",
            vec![done(Ask::get("/wlcg/foo"), &[404])],
        )?,
        r.of(
            "V-104",
            "",
            "storage.read:/data",
            vec![not(Ask::get("/wlcg/database/f"), D::Boundary)],
        )?,
        r.of(
            "V-105",
            "exact",
            "storage.read:/data/f1",
            vec![
                done(f1(), &[200]),
                not(Ask::head_directory("/wlcg/data"), D::Exact),
            ],
        )?,
        r.of("V-106", "", "storage.read:/data/", vec![done(f1(), &[200])])?,
        r.of(
            "V-107",
            "",
            "storage.create:/new/",
            vec![not(Ask::put("/wlcg/new"), D::DirOnly)],
        )?,
        r.of(
            "V-108",
            "",
            "storage.create:/new/",
            vec![
                done(Ask::mkcol("/wlcg/new"), &[201]),
                done(Ask::put("/wlcg/new/f"), &[201]),
            ],
        )?,
        r.of("V-109", "", "storage.read:/", vec![done(f1(), &[200])])?,
        r.of(
            "V-110",
            "",
            "storage.read:/",
            vec![
                not(Ask::get("/other/o"), D::OutsideArea),
                not(Ask::get("/cms/c1"), D::OutsideArea),
            ],
        )?,
        r.of(
            "V-110a",
            "",
            "storage.read:/wlcg/data",
            vec![not(f1(), D::AreaPrefix)],
        )?,
        r.of(
            "V-111",
            "",
            up,
            vec![done(Ask::put("/wlcg/data/up/new"), &[201])],
        )?,
        r.of(
            "V-112",
            "",
            up,
            vec![not(Ask::put_over("/wlcg/data/up/new"), D::NeedsModify)],
        )?
        .files(new),
        r.of(
            "V-113",
            "",
            up,
            vec![not(Ask::delete("/wlcg/data/up/new"), D::NeedsModify)],
        )?
        .files(new),
        r.of(
            "V-114",
            "",
            up,
            vec![done(
                Ask::rename("/wlcg/data/up/new", "/wlcg/data/up/new2"),
                &[201],
            )],
        )?
        .files(new),
        r.of(
            "V-115",
            "",
            up,
            vec![not(
                Ask::rename_over("/wlcg/data/up/new", "/wlcg/data/up/existing"),
                D::NeedsModify,
            )],
        )?
        .files(new_and_existing),
        r.of(
            "V-116",
            "",
            up,
            vec![not(
                Ask::rename("/wlcg/data/up/new", "/wlcg/data/other"),
                D::DestNotCovered,
            )],
        )?
        .files(new),
        r.of(
            "V-117",
            "leading directories",
            "storage.create:/a/b",
            vec![
                done(Ask::mkcol("/wlcg/a"), &[201]),
                done(Ask::mkcol("/wlcg/a/b"), &[201]),
                done(Ask::put("/wlcg/a/b/c"), &[201]),
                not(Ask::put("/wlcg/a/bargain"), D::Boundary),
            ],
        )?,
        r.of(
            "V-117",
            "as a file",
            "storage.create:/a/b",
            vec![not(Ask::put("/wlcg/a"), D::Exact)],
        )?,
    ];
    let mut vector = Vector::bare("V-118", "another issuer's subject");
    vector = vector.header(format!("Bearer {}", cms.sign(&f.cms_k1, Way::Usual)?));
    all.push(vector.then(f1(), Insufficient, D::OutsideArea));
    all.extend([
        r.of(
            "V-119",
            "",
            "storage.modify:/data",
            vec![
                done(Ask::put_over("/wlcg/data/f1"), &[200, 204]),
                done(Ask::put("/wlcg/data/new"), &[201]),
                done(Ask::mkcol("/wlcg/data/d"), &[201]),
                done(Ask::rename("/wlcg/data/new", "/wlcg/data/new2"), &[201]),
                done(Ask::delete("/wlcg/data/f1"), &[200, 204]),
            ],
        )?,
        r.of(
            "V-120",
            "",
            "storage.modify:/data",
            vec![not(f1(), D::NoRead)],
        )?,
        r.of(
            "V-120a",
            "",
            "storage.create:/data",
            vec![not(f1(), D::NoRead)],
        )?,
        r.of("V-121", "1.3", stage, vec![not(t2(), D::StageNoRead)])?,
        r.of("V-121", "1.1", stage, vec![done(t2(), &[200])])?
            .with(Setup::Profile(V1_1)),
        r.of("V-121", "1.0", stage, vec![done(t2(), &[200])])?
            .with(Setup::Profile(V1_0)),
        r.of(
            "V-121a",
            "",
            stage,
            vec![
                done(Ask::tape("stage", "/wlcg/tape/t1"), &[201]),
                done(Ask::tape("cancel", "/wlcg/tape/t1"), &[200]),
                done(Ask::tape("release", "/wlcg/tape/t1"), &[200]),
                done(Ask::tape("archiveinfo", "/wlcg/tape/t1"), &[200]),
            ],
        )?,
        r.of(
            "V-121b",
            "",
            "storage.read:/tape",
            vec![not(Ask::tape("stage", "/wlcg/tape/t1"), D::NeedsStage)],
        )?,
        r.of(
            "V-122",
            "",
            "storage.poll:/tape",
            vec![done(Ask::tape("archiveinfo", "/wlcg/tape/t1"), &[200])],
        )?,
        r.of(
            "V-123",
            "",
            "storage.poll:/tape",
            vec![
                not(t2(), D::PollOnly),
                not(Ask::head("/wlcg/tape/t2"), D::PollOnly),
                not(Ask::tape("stage", "/wlcg/tape/t1"), D::PollOnly),
            ],
        )?,
        r.of(
            "V-124",
            "",
            "storage.read:/tape",
            vec![done(Ask::tape("archiveinfo", "/wlcg/tape/t1"), &[200])],
        )?,
    ]);
    for name in ["read", "create", "modify", "stage"] {
        let asks = vec![
            done(Ask::head("/wlcg/data/f1"), &[200]),
            done(Ask::propfind0("/wlcg/data/f1"), &[207]),
        ];
        all.push(r.of("V-125", name, &format!("storage.{name}:/data"), asks)?);
    }
    let compute = "compute.create compute.modify compute.cancel compute.read";
    all.extend([
        r.of(
            "V-126",
            "",
            "storage.read:/data",
            vec![done(Ask::propfind1("/wlcg/data"), &[207])],
        )?,
        r.of("V-127", "", compute, vec![not(f1(), D::NoStorageCap)])?,
        r.of(
            "V-127a",
            "",
            "compute.create",
            vec![done(Ask::scope("compute.create"), &[200, 201])],
        )?,
        r.draft(
            "V-128",
            "",
            &host("host.auth"),
            vec![done(Ask::listed(), &[200])],
        )?
        .with(Setup::ListSubject(true)),
        r.draft(
            "V-128",
            "no host.auth",
            &host("openid"),
            vec![not(Ask::listed(), D::HostAuth)],
        )?
        .with(Setup::ListSubject(true)),
        r.of(
            "V-129",
            "",
            "openid fts:submit-transfer offline_access storage.read:/data",
            vec![done(f1(), &[200])],
        )?,
    ]);
    Ok(all)
}

fn scope_paths(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let r = Rows(f);
    let p = || Ask::get("/wlcg/protected/p");
    let read = |path: &str| format!("storage.read:{path}");
    let mut all = vec![r.of(
        "V-130",
        "",
        "storage.read:/data/../protected",
        vec![bad(p(), D::DotDot)],
    )?];
    for dots in ["%2e%2e", "%252e%252e"] {
        let scope = read(&format!("/data/{dots}/protected"));
        all.push(r.of("V-131", dots, &scope, vec![bad(p(), D::DotDot)])?);
    }
    let caf = "/wlcg/caf%C3%A9";
    let caf_apart = "/wlcg/cafe%CC%81";
    all.extend([
        r.of(
            "V-132",
            "",
            &read("/data%2Ff1"),
            vec![bad(f1(), D::EncodedSlash)],
        )?,
        r.of("V-133", "", &read("//data///"), vec![done(f1(), &[200])])?,
        r.of("V-134", "", &read("/./data/."), vec![done(f1(), &[200])])?,
        r.of("V-135", "", &read("/d%61ta"), vec![done(f1(), &[200])])?,
        r.of(
            "V-135a",
            "",
            &read("/caf%C3%A9"),
            vec![
                done(Ask::get(caf), &[200, 404]),
                not(Ask::get(caf_apart), D::Unicode),
            ],
        )?,
        r.of("V-135c", "", &read("/DATA"), vec![not(f1(), D::Case)])?,
    ]);
    for path in ["/bad%FF", "/a%00b", "/a%5Cb"] {
        all.push(r.of(
            "V-135b",
            path,
            &read(path),
            vec![bad(f1(), D::BadPathBytes)],
        )?);
    }
    for scope in ["Storage.Read:/data", "storage.Read:/data"] {
        all.push(r.of("V-135d", scope, scope, vec![not(f1(), D::Case)])?);
    }
    for scope in ["storage.write:/data", "storage.list:/", "storage.reader:/"] {
        let asks = vec![
            not(f1(), D::UnknownItem),
            not(Ask::put("/wlcg/data/n"), D::UnknownItem),
        ];
        all.push(r.of("V-135e", scope, scope, asks)?);
    }
    let claim = |value: Value| f.good().claim("scope", value);
    let scp = f.good().without("scope").claim("scp", "storage.read:/data");
    let many = format!("{} storage.read:/data", vec!["x"; 1999].join(" "));
    all.extend([
        r.of(
            "V-135f",
            "",
            &read("/a:b"),
            vec![done(Ask::get("/wlcg/a:b"), &[200, 404])],
        )?,
        r.draft(
            "V-135g",
            "",
            &claim(json!(["storage.read:/data"])),
            vec![bad(f1(), D::MalformedClaim)],
        )?,
        r.draft("V-135h", "", &scp, vec![not(f1(), D::NothingGranted)])?,
        r.of(
            "V-135i",
            "two blanks",
            "openid  storage.read:/data",
            vec![done(f1(), &[200])],
        )?,
        r.of(
            "V-135i",
            "tab",
            "openid\tstorage.read:/data",
            vec![bad(f1(), D::MalformedClaim)],
        )?,
        r.of(
            "V-135i",
            "line break",
            "openid\nstorage.read:/data",
            vec![bad(f1(), D::MalformedClaim)],
        )?,
        r.of("V-135j", "2000 items", &many, vec![done(f1(), &[200])])?,
    ]);
    Ok(all)
}

fn request_paths(f: &Fixture) -> Result<Vec<Vector>, CryptoFault> {
    let r = Rows(f);
    let good = |id, case: &str, asks| r.draft(id, case, &f.good(), asks);
    let refused = |target| (Ask::get(target), Status(400), D::RequestPath);
    let nothing = f.good().without("scope");
    let up = "storage.create:/data/up";
    Ok(vec![
        good("V-136", "", vec![refused("/wlcg/data/../data/f1")])?,
        good("V-136a", "", vec![refused("/wlcg/data/%2e%2e/protected/p")])?,
        good("V-136b", "", vec![refused("/wlcg/data%2Ff1")])?,
        good(
            "V-136c",
            "",
            vec![done(Ask::get("//wlcg///data//f1"), &[200])],
        )?,
        good("V-136d", "", vec![done(Ask::get("/wlcg/data/f1/"), &[404])])?,
        good("V-136e", "", vec![not(Ask::list("/wlcg"), D::Exact)])?,
        // The server resolves the link first and asks for where it leads.
        r.of(
            "V-136f",
            "where the link leads",
            "storage.read:/",
            vec![not(Ask::get("/other/o"), D::OutsideArea)],
        )?,
        r.draft("V-137", "", &nothing, vec![not(f1(), D::NothingGranted)])?,
        r.of("V-138", "", "", vec![not(f1(), D::NothingGranted)])?,
        r.of(
            "V-139",
            "",
            up,
            vec![done(Ask::pull("/wlcg/data/up/x"), &[201, 202])],
        )?,
        r.of(
            "V-139a",
            "",
            up,
            vec![not(Ask::pull_over("/wlcg/data/up/x"), D::NeedsModify)],
        )?
        .files(&["/wlcg/data/up/x"]),
        r.of(
            "V-139b",
            "",
            "storage.read:/data",
            vec![done(Ask::push("/wlcg/data/f1"), &[202])],
        )?,
    ])
}
