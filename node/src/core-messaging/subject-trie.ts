// Which values stand under patterns that match a subject. Patterns have NATS grammar: `*` is one
// token, `>` as last token is one or more. Knows nothing of what the values are; the router keeps
// local subscriptions in one trie and the interest of peers in another. Callers check grammar.

interface TrieNode<Value> {
  /** Next token, spelled out, `*` included: a subject never has a token `*`. */
  readonly children: Map<string, TrieNode<Value>>
  /** Values whose pattern ends at this node. */
  readonly values: Set<Value>
  /** Values whose pattern ends with `>` below this node. */
  readonly tail: Set<Value>
}

export class SubjectTrie<Value> {
  readonly #root: TrieNode<Value> = emptyNode()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** A value stands at most once under one pattern; adding it again changes nothing. */
  add(pattern: string, value: Value): void {
    const tokens = pattern.split('.')
    const tail = tokens.at(-1) === '>'
    if (tail) tokens.pop()
    let node = this.#root
    for (const token of tokens) {
      let child = node.children.get(token)
      if (child === undefined) {
        child = emptyNode()
        node.children.set(token, child)
      }
      node = child
    }
    const values = tail ? node.tail : node.values
    if (values.has(value)) return
    values.add(value)
    this.#size += 1
  }

  /** False when the value did not stand there. Nodes left empty are removed. */
  remove(pattern: string, value: Value): boolean {
    const tokens = pattern.split('.')
    const tail = tokens.at(-1) === '>'
    if (tail) tokens.pop()
    const path: TrieNode<Value>[] = [this.#root]
    for (const token of tokens) {
      const child = path.at(-1)!.children.get(token)
      if (child === undefined) return false
      path.push(child)
    }
    const last = path.at(-1)!
    if (!(tail ? last.tail : last.values).delete(value)) return false
    this.#size -= 1
    for (let depth = tokens.length; depth > 0 && isEmpty(path[depth]!); depth -= 1) {
      path[depth - 1]!.children.delete(tokens[depth - 1]!)
    }
    return true
  }

  /**
   * Visits every value whose pattern matches; one that stands under several is visited several
   * times. `visit` must not change the trie. Work is bounded by the nodes of the trie.
   */
  match(subject: string, visit: (value: Value) => void): void {
    matchFrom(this.#root, subject, 0, visit)
  }
}

function matchFrom<Value>(
  node: TrieNode<Value>,
  subject: string,
  start: number,
  visit: (value: Value) => void,
): void {
  for (const value of node.tail) visit(value)
  const dot = subject.indexOf('.', start)
  const end = dot === -1 ? subject.length : dot
  const token = subject.slice(start, end)
  const literal = node.children.get(token)
  const wildcard = token === '*' ? undefined : node.children.get('*')
  if (dot === -1) {
    if (literal !== undefined) for (const value of literal.values) visit(value)
    if (wildcard !== undefined) for (const value of wildcard.values) visit(value)
    return
  }
  if (literal !== undefined) matchFrom(literal, subject, dot + 1, visit)
  if (wildcard !== undefined) matchFrom(wildcard, subject, dot + 1, visit)
}

function emptyNode<Value>(): TrieNode<Value> {
  return { children: new Map(), values: new Set(), tail: new Set() }
}

function isEmpty(node: TrieNode<unknown>): boolean {
  return node.children.size === 0 && node.values.size === 0 && node.tail.size === 0
}
