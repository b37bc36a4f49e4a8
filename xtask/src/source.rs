//! Rust source seen just closely enough: code apart from comments and literals, tokens, items.

use std::ops::Range;

/// A source text in two halves of the same shape: each keeps its characters where they were, with
/// blanks in place of the other's (and of the insides of literals).
pub(crate) struct Split {
    /// What the compiler sees, literals blanked.
    pub(crate) code: String,
    /// Comments only.
    pub(crate) comments: String,
}

/// Separates code from comments and literals.
pub(crate) fn split(text: &str) -> Split {
    let chars: Vec<char> = text.chars().collect();
    let mut halves = Split { code: String::new(), comments: String::new() };
    let mut at = 0;
    while let Some(rest) = chars.get(at..).filter(|rest| !rest.is_empty()) {
        let comment = comment_len(rest);
        let literal = if comment > 0 { 0 } else { literal_len(chars.get(..at), rest) };
        let len = comment.max(literal).max(1);
        for &c in rest.iter().take(len) {
            let blank = if c == '\n' { '\n' } else { ' ' };
            halves.comments.push(if comment > 0 { c } else { blank });
            halves.code.push(if comment > 0 || literal > 0 { blank } else { c });
        }
        at += len;
    }
    halves
}

/// Length of the comment at the front, or 0.
fn comment_len(rest: &[char]) -> usize {
    if rest.starts_with(&['/', '/']) {
        return rest.iter().position(|&c| c == '\n').unwrap_or(rest.len());
    }
    if !rest.starts_with(&['/', '*']) {
        return 0;
    }
    let (mut at, mut depth) = (0, 0usize);
    while at < rest.len() {
        let tail = &rest[at..];
        if tail.starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if tail.starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of the string or character literal at the front, or 0.
fn literal_len(before: Option<&[char]>, rest: &[char]) -> usize {
    match rest {
        ['"', ..] => quoted_len(rest, '"'),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted_len(rest, '\''),
        ['r', tail @ ..] if is_prefix_start(before.unwrap_or_default()) => {
            let hashes = tail.iter().take_while(|&&c| c == '#').count();
            if tail.get(hashes) != Some(&'"') {
                return 0;
            }
            let end: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
            let body = &tail[hashes + 1..];
            let body_len = body.windows(end.len()).position(|window| window == end);
            body_len.map_or(rest.len(), |len| 2 + hashes + len + end.len())
        }
        _ => 0,
    }
}

/// Whether an `r` here may begin a raw string: nothing, or a lone `b` or `c`, stands before it.
fn is_prefix_start(before: &[char]) -> bool {
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    match before {
        [.., a, 'b' | 'c'] => !is_word(a),
        ['b' | 'c'] => true,
        [.., last] => !is_word(last),
        [] => true,
    }
}

/// Length of a literal in `quote`s, its escapes stepped over.
fn quoted_len(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while let Some(&c) = rest.get(at) {
        at += if c == '\\' { 2 } else { 1 };
        if c == quote {
            break;
        }
    }
    at.min(rest.len())
}

/// A word, `::`, or one other character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// The tokens of `code` (see [`split`]).
pub(crate) fn tokens(code: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut is_joined = false;
    for (index, line) in code.lines().enumerate() {
        for c in line.chars() {
            let is_word = c.is_alphanumeric() || c == '_';
            match tokens.last_mut() {
                Some(last) if is_joined && is_word && last.text != ":" => last.text.push(c),
                Some(last) if is_joined && c == ':' && last.text == ":" => {
                    last.text.push(c);
                    is_joined = false;
                    continue;
                }
                _ if !c.is_whitespace() => {
                    tokens.push(Token { text: c.to_string(), line: index + 1 });
                }
                _ => {}
            }
            is_joined = is_word || c == ':';
        }
        is_joined = false;
    }
    tokens
}

/// The token after the item that begins at `start`: past its `;`, or its closing brace.
pub(crate) fn item_end(tokens: &[Token], start: usize) -> usize {
    let (mut nested, mut braces) = (0i32, 0i32);
    for (index, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "(" | "[" => nested += 1,
            ")" | "]" => nested -= 1,
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                if braces <= 0 && nested <= 0 {
                    return index + 1;
                }
            }
            ";" if nested == 0 && braces == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The items that exist only for tests, as ranges of tokens, their attribute included.
pub(crate) fn test_items(tokens: &[Token]) -> Vec<Range<usize>> {
    let word = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_inner = word(at) == "#" && word(at + 1) == "!";
        let open = at + 1 + usize::from(is_inner);
        let is_cfg = word(at) == "#" && word(open) == "[" && word(open + 1) == "cfg";
        let is_test = word(open + 3) == "test"
            || word(open + 3) == "all" && word(open + 4) == "(" && word(open + 5) == "test";
        if !(is_cfg && is_test) {
            at += 1;
            continue;
        }
        let mut item = at;
        while word(item) == "#" {
            // Steps over this attribute and any that follow it.
            item += tokens.iter().skip(item).take_while(|token| token.text != "]").count() + 1;
        }
        let end = if is_inner { tokens.len() } else { item_end(tokens, item) };
        found.push(at..end);
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(code: &str) -> Vec<String> {
        tokens(&split(code).code).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "a /* b /* c */ d */ e // f\n\"g \\\" h\" i r#\"j \" k\"# 'l' '\\'' 'm: n";
        assert_eq!(words(text), ["a", "e", "i", "'", "m", ":", "n"]);
        assert_eq!(split(text).comments.trim(), "/* b /* c */ d */   // f");
    }

    #[test]
    fn raw_strings_need_a_prefix_of_their_own() {
        assert_eq!(words("br\"x\" r#type bar\"y\" z"), ["b", "r", "#", "type", "bar", "z"]);
    }

    #[test]
    fn paths_are_split_at_double_colons() {
        assert_eq!(words("a::b: c ::d"), ["a", "::", "b", ":", "c", "::", "d"]);
    }

    #[test]
    fn test_items_are_found_whole() {
        let code =
            "fn a() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests { fn b() { [1; 2]; } }\nfn c() {}";
        let tokens = tokens(&split(code).code);
        let kept: Vec<&str> = match test_items(&tokens).as_slice() {
            [range] => tokens[range.end..].iter().map(|token| token.text.as_str()).collect(),
            other => panic!("one test item expected: {other:?}"),
        };
        assert_eq!(kept, ["fn", "c", "(", ")", "{", "}"]);
    }

    #[test]
    fn code_that_tests_share_with_a_feature_is_not_test_code() {
        let tokens =
            tokens("#[cfg(any(test, feature))] extern crate std; #[cfg(not(test))] fn a() {}");
        assert!(test_items(&tokens).is_empty());
    }
}
