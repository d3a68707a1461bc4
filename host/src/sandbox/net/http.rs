//! HTTP/1 between a guest and one origin, decided request by request.
//!
//! The guest believes that it talks to the origin. What it writes is parsed, held against a [`Rule`], and written anew,
//! with secret headers that it never sees; what comes back is parsed, blanked of those secrets, and written anew. No
//! byte passes unparsed, so nothing can be smuggled past the rule. Nothing here does I/O or reads a clock.
//!
//! What is not prevented: an origin that sends a secret back in pieces, compressed by itself, encrypted, hashed, or in
//! an encoding that [`forms`] and [`spelling`] do not list; and a guest that guesses a whole secret and has it echoed.
//!
//! Framing is that of RFC 9112, read strictly: <https://www.rfc-editor.org/rfc/rfc9112>.

mod blank;
mod body;
mod forms;
mod head;
mod path;
mod refusal;
mod request;
mod response;
mod rule;
mod spelling;
#[cfg(test)]
mod tests;

pub(crate) use refusal::{Kind, Refusal};
pub(crate) use rule::{Counts, Rule, SecretHeader};

use blank::Needles;
use body::{Body, Step, Writer};
use head::HeadBuffer;
use refusal::Fault;
use request::Asked;
use response::Response;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most requests of one connection that await their response. One more is refused.
const MOST_UNANSWERED: usize = 16;

/// One connection of a guest to one origin.
///
/// Besides the rule it holds at most 448 KiB between calls: two heads (64 and 128 KiB, in buffers of up to twice that)
/// and the end of a body (shorter than the longest spelling of a secret, so at most 64 KiB and commonly some hundred
/// bytes). To this come the needles, about a hundred times the secrets' length and 8 KiB, and the buffer of the body's
/// end, which stays as long as the longest piece that `receive` was given.
#[derive(Debug)]
pub(crate) struct Mediator {
    rule: Arc<Rule>,
    counts: Arc<Counts>,
    needles: Needles,
    sending: Sending,
    receiving: Receiving,
    unanswered: VecDeque<Asked>,
    refused: Option<Refusal>,
    /// Of what: the origin, and the path where a request was refused.
    place: String,
}

/// How far the guest is.
#[derive(Debug)]
enum Sending {
    Head(HeadBuffer),
    Body(Body, Writer),
    /// After a request that closes the connection.
    Over,
}

impl Sending {
    fn next() -> Self {
        Self::Head(HeadBuffer::of_request(request::MOST_HEAD))
    }
}

/// How far the origin is.
#[derive(Debug)]
enum Receiving {
    Head(HeadBuffer),
    Body(Response),
    /// After a response that closes the connection, or the end of the stream.
    Over,
}

impl Receiving {
    fn next() -> Self {
        Self::Head(HeadBuffer::of_response(response::MOST_HEAD))
    }
}

impl Mediator {
    /// A connection on which nothing was sent. If the rule does not pass [`Rule::check`], everything is refused.
    pub(crate) fn new(rule: Arc<Rule>, counts: Arc<Counts>) -> Self {
        let needles = rule::needles(&rule);
        let broken = rule.check().err().map(Fault::denied);
        let refused = broken.map(|fault| fault.refusal(&rule.origin(), &needles));
        let place = rule.origin();
        Self {
            place,
            rule,
            counts,
            needles,
            sending: Sending::next(),
            receiving: Receiving::next(),
            unanswered: VecDeque::new(),
            refused,
        }
    }

    /// Takes bytes that the guest writes and appends what goes to the origin.
    ///
    /// A refusal is final: each later call gives it again. What was appended before it in the same call is of requests
    /// that are granted.
    pub(crate) fn send(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.unless_refused(|this| this.pass_requests(bytes, out))
    }

    /// Takes bytes that the origin has sent and appends what the guest may read. A refusal is final, as in
    /// [`send`](Self::send).
    pub(crate) fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.unless_refused(|this| this.pass_responses(bytes, out))
    }

    /// Takes notice that the origin sends no more, and appends the rest of what the guest may read. Within a response
    /// that has not come to its end this is a refusal, and what was held back of it is not passed on.
    pub(crate) fn ended(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.unless_refused(|this| this.end(out))
    }

    /// What a refusal is of: the origin, and the path if a request was refused.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether the guest should be held off from writing until a response comes.
    pub(crate) fn is_full(&self) -> bool {
        self.unanswered.len() >= MOST_UNANSWERED && matches!(self.sending, Sending::Head(_))
    }

    /// Whether the guest gets nothing more, so that its side can be closed once it has read what there is.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.receiving, Receiving::Over)
    }

    fn unless_refused(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Refusal> {
        if let Some(refusal) = &self.refused {
            return Err(refusal.clone());
        }
        act(self).map_err(|fault| {
            self.place = fault.place(&self.rule.origin(), &self.needles);
            let refusal = fault.refusal(&self.rule.origin(), &self.needles);
            self.refused = Some(refusal.clone());
            refusal
        })
    }

    fn pass_requests(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.counts.send(bytes.len(), &self.rule)?;
        loop {
            match &mut self.sending {
                Sending::Head(head) => {
                    let Some(head) = head.take(&mut bytes)? else { return Ok(()) };
                    if self.unanswered.len() >= MOST_UNANSWERED {
                        return Err(Fault::malformed(format!(
                            "more than {MOST_UNANSWERED} requests await their response: read responses in between"
                        )));
                    }
                    let request = request::pass(&head, &self.rule, out)?;
                    self.unanswered.push_back(request.asked);
                    self.sending = Sending::Body(request.body, request.writer);
                }
                Sending::Body(body, writer) => match body.step(&mut bytes)? {
                    Step::Piece(piece) => writer.piece(piece, out),
                    Step::More => return Ok(()),
                    Step::Over => {
                        writer.end(out);
                        let close = self.unanswered.back().is_some_and(|asked| asked.close);
                        self.sending = if close { Sending::Over } else { Sending::next() };
                    }
                },
                Sending::Over if bytes.is_empty() => return Ok(()),
                Sending::Over => {
                    return Err(Fault::malformed(
                        "more is sent after a request that closes the connection: open another connection",
                    ));
                }
            }
        }
    }

    fn pass_responses(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.counts.receive(bytes.len(), &self.rule)?;
        loop {
            match &mut self.receiving {
                Receiving::Head(_) if bytes.is_empty() => return Ok(()),
                Receiving::Head(head) => {
                    let Some(asked) = self.unanswered.front().copied() else {
                        return Err(unasked());
                    };
                    let head = head.take(&mut bytes).map_err(Fault::of_origin)?;
                    let Some(head) = head else { return Ok(()) };
                    let response = response::pass(&head, asked, &self.needles, out)?;
                    self.receiving = if response.interim {
                        Receiving::next()
                    } else {
                        self.unanswered.pop_front();
                        Receiving::Body(response)
                    };
                }
                Receiving::Body(response) => {
                    match response.body.step(&mut bytes).map_err(Fault::of_origin)? {
                        Step::Piece(piece) => response.pass_on(piece, &self.needles, out),
                        Step::More => return Ok(()),
                        Step::Over => {
                            response.end(&self.needles, out);
                            let over = response.close;
                            self.receiving = if over { Receiving::Over } else { Receiving::next() };
                        }
                    }
                }
                Receiving::Over if bytes.is_empty() => return Ok(()),
                Receiving::Over => return Err(unasked()),
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        match &mut self.receiving {
            Receiving::Head(head) if head.is_empty() => {}
            Receiving::Body(response) if matches!(response.body, Body::UntilClose) => {
                response.end(&self.needles, out);
            }
            Receiving::Over => {}
            Receiving::Head(_) | Receiving::Body(_) => {
                return Err(Fault::malformed(
                    "the origin closed the connection within a response: ask again",
                ));
            }
        }
        self.receiving = Receiving::Over;
        Ok(())
    }
}

/// The refusal of bytes that belong to no response.
fn unasked() -> Fault {
    Fault::malformed("the origin sent more than it was asked for: open another connection")
}
