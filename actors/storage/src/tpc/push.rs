//! The active side of a push: PUT, then ask what arrived (storage page §2.5, §2.8).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderName, Method, header};
use http_body::{Frame, SizeHint};
use url::Url;

use super::pull::{agree, claims};
use super::remote::{Remote, length, reason, shown};
use super::report::{Progress, report};
use super::request::CopyRequest;
use super::{guard, words};
use crate::answer::{self, Answer};
use crate::area::Area;
use crate::backend::ContentBody;
use crate::checksum::{Algorithm, Checksum};
use crate::dialect::{Doing, VerifyPush};
use crate::element::Element;
use crate::faults::Reporting;
use crate::methods::Call;
use crate::namespace::{Entry, FileMeta, Locality};
use crate::path::CleanPath;

struct Push {
    element: Arc<Element>,
    area: Arc<Area>,
    path: CleanPath,
    file: FileMeta,
    destination: Url,
    asked: CopyRequest,
    progress: Arc<Progress>,
}

/// COPY with `Destination`.
pub(super) async fn answer(call: Call, asked: CopyRequest, destination: Url) -> Answer {
    let element = call.element.clone();
    let pass = match element.door.admit(&call, Doing::Read).await {
        Ok(pass) => pass,
        Err(refused) => return refused,
    };
    let area = element.area(&pass).clone();
    let file = match area.get(&call.path) {
        Some(Entry::File(file)) => file,
        Some(Entry::Directory(_)) => {
            let tpc = &element.dialect.tpc;
            if let Some(status) = tpc.push_directory {
                return answer::text(status, "not a file");
            }
            let why = words::directory(&destination, &call.path);
            let reporting = Reporting::new(call.fault());
            return report(
                &element,
                Arc::default(),
                reporting,
                Box::pin(async { Err(why) }),
            )
            .await;
        }
        None if area.is_arriving(&call.path) => {
            return answer::text(409, "the file is being written");
        }
        None => {
            return answer::text(
                element.dialect.tpc.push_missing,
                "no such file or directory",
            );
        }
    };
    if element.is_here(&destination)
        && CleanPath::parse(destination.path(), element.dialect.paths)
            .is_ok_and(|path| path == call.path)
    {
        return answer::text(403, "source and destination are the same file");
    }
    if element.dialect.tpc.own_destination_judged
        && element.is_here(&destination)
        && let Ok(target) = CleanPath::parse(destination.path(), element.dialect.paths)
    {
        let doing = Doing::storing(element.door.peek(&target));
        if let Err(refused) = element.door.admit_at(&call, doing, &target).await {
            return refused;
        }
    }
    if let Err(why) = guard::check(&element, &destination).await {
        return answer::text(403, &why);
    }
    let push = Push {
        element: element.clone(),
        area,
        path: call.path.clone(),
        file,
        destination,
        asked,
        progress: Arc::default(),
    };
    let progress = push.progress.clone();
    report(
        &element,
        progress,
        Reporting::new(call.fault()),
        Box::pin(push.run()),
    )
    .await
}

impl Push {
    fn remote(&self) -> Remote<'_> {
        Remote {
            element: &self.element,
            local: self.path.as_str(),
            url: self.destination.clone(),
            headers: &self.asked.headers,
            progress: &self.progress,
        }
    }

    async fn run(self) -> Result<(), String> {
        let _running = self.element.copier.running.acquire().await;
        match self.file.locality {
            Locality::Tape => return Err("file not online".into()),
            Locality::Lost => return Err("file is lost".into()),
            Locality::Disk | Locality::DiskAndTape | Locality::Unavailable => {}
        }
        self.element.actor.note(format!(
            "{} is sent to {}",
            self.path.as_str(),
            shown(&self.destination)
        ));
        let name = self.element.dialect.name;
        let mut existed = false;
        if self.asked.overwrite == Some(false) {
            let found = self
                .remote()
                .send(Method::HEAD, &[], || Ok(Body::empty()))
                .await?;
            match found.status().as_u16() {
                404 => {}
                200..=299 => return Err(words::exists(name, &self.destination)),
                _ => {
                    return Err(words::unknown(name, &self.destination, found.status()));
                }
            }
        } else {
            existed = true;
        }
        let mut more = vec![(header::CONTENT_LENGTH, self.file.size.to_string())];
        for sum in &self.asked.expected {
            more.push((HeaderName::from_static("repr-digest"), sum.repr_digest()));
        }
        let make = || {
            let source = self
                .area
                .open(&self.path, &self.file)
                .map_err(|error| error.to_string())?;
            let body = source.body(0, self.file.size);
            self.progress.restart();
            Ok(Body::new(Counted {
                body,
                element: self.element.clone(),
                progress: self.progress.clone(),
            }))
        };
        let found = self.remote().send(Method::PUT, &more, make).await?;
        if !matches!(found.status().as_u16(), 200 | 201 | 204 | 205) {
            return Err(words::rejected(
                name,
                &Method::PUT,
                &self.destination,
                found.status(),
            ));
        }
        let cleanup = self.element.dialect.tpc.verify_push == VerifyPush::HeadAndDelete
            || (self.element.config.copies.push_cleanup && !existed);
        let verified = self.verify().await;
        if verified.is_err() && cleanup {
            let _gone = self
                .remote()
                .send(Method::DELETE, &[], || Ok(Body::empty()))
                .await;
        }
        verified
    }

    async fn verify(&self) -> Result<(), String> {
        if self.element.dialect.tpc.verify_push == VerifyPush::None {
            return Ok(());
        }
        let required = self
            .asked
            .require_checksum
            .unwrap_or(self.element.copier.require_checksum);
        let want = [(HeaderName::from_static("want-digest"), "adler32".to_owned())];
        let found = self
            .remote()
            .send(Method::HEAD, &want, || Ok(Body::empty()))
            .await?;
        if !found.status().is_success() {
            // Who may write need not be allowed to look; everything else says that the file is not well.
            let lenient = self.element.dialect.tpc.verify_push == VerifyPush::HeadAndDelete;
            let unknown = lenient || matches!(found.status().as_u16(), 401 | 403 | 405 | 501);
            return if required || !unknown {
                Err(format!("rejected HEAD: {}", reason(found.status())))
            } else {
                Ok(())
            };
        }
        if let Some(size) = length(&found)
            && size != self.file.size
        {
            return Err(format!(
                "verification failed: HEAD Content-Length ({size}) does not match file size ({})",
                self.file.size
            ));
        }
        let ours: Vec<Checksum> = self
            .area
            .checksum(&self.path, &self.file, Algorithm::Adler32)
            .await
            .into_iter()
            .collect();
        if !agree(&ours, &claims(&found))? && required {
            Err("no checksum in HEAD response".into())
        } else {
            Ok(())
        }
    }
}

/// Content on its way out, counted as the connection takes it.
struct Counted {
    body: ContentBody,
    element: Arc<Element>,
    progress: Arc<Progress>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.progress
                .add(length, self.element.actor.clock().seconds());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
