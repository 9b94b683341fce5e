interface Node<Id> {
  readonly id: Id;
  value: number;
}

/** Finds the owner of the largest of many changing numbers: a binary heap, so a change costs the logarithm of the number of owners. */
export class Largest<Id> {
  readonly #heap: Node<Id>[] = [];
  readonly #places = new Map<Id, number>();

  /** The owner of the largest number, if one is above 0. */
  get id(): Id | undefined {
    const top = this.#heap[0];
    return top === undefined || top.value <= 0 ? undefined : top.id;
  }

  set(id: Id, value: number): void {
    const place = this.#places.get(id);
    if (place === undefined) {
      this.#heap.push({ id, value });
      this.#rise(this.#heap.length - 1);
      return;
    }
    const node = this.#heap[place] as Node<Id>;
    const grows = value > node.value;
    node.value = value;
    if (grows) this.#rise(place);
    else this.#sink(place);
  }

  #rise(from: number): void {
    let place = from;
    const node = this.#heap[place] as Node<Id>;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent] as Node<Id>;
      if (above.value >= node.value) break;
      this.#put(above, place);
      place = parent;
    }
    this.#put(node, place);
  }

  #sink(from: number): void {
    let place = from;
    const node = this.#heap[place] as Node<Id>;
    for (;;) {
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      const child = right !== undefined && left !== undefined && right.value > left.value ? right : left;
      if (child === undefined || child.value <= node.value) break;
      const below = child === left ? 2 * place + 1 : 2 * place + 2;
      this.#put(child, place);
      place = below;
    }
    this.#put(node, place);
  }

  #put(node: Node<Id>, place: number): void {
    this.#heap[place] = node;
    this.#places.set(node.id, place);
  }
}
