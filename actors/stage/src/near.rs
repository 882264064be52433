//! Connections between programs of one machine, as almost all of a lab's are.

use std::io;
use std::net::IpAddr;

use tokio::net::TcpStream;

/// Readies a connection to `peer`: what is written leaves at once, and nothing looks for a bottleneck where there is none. A
/// kernel told to use BBR paces its writes with timers on the loopback interface too, which costs half as much again as
/// sending them; Reno is in every kernel and leaves them alone. An error says that the connection is of no use any more.
pub(crate) fn ready(tcp: &TcpStream, peer: Option<IpAddr>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if peer.is_some_and(|ip| ip.to_canonical().is_loopback()) {
        let _best_effort = socket2::SockRef::from(tcp).set_tcp_congestion(b"reno");
    }
    tcp.set_nodelay(true)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// The name of the way congestion is met; the kernel fills the rest with zeros.
    fn control(tcp: &TcpStream) -> String {
        let name = socket2::SockRef::from(tcp).tcp_congestion().unwrap();
        String::from_utf8(name)
            .unwrap()
            .trim_end_matches('\0')
            .to_owned()
    }

    #[tokio::test]
    async fn only_connections_within_this_machine_are_made_to_send_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (peer, near) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
        ] {
            let tcp = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let usual = control(&tcp);
            ready(&tcp, peer.parse().ok()).unwrap();
            assert!(tcp.nodelay().unwrap(), "{peer}");
            let wanted = if near { "reno" } else { &usual };
            assert_eq!(control(&tcp), wanted, "{peer}");
        }
    }
}
