// What we use of the module beside this one, typed by hand: the checker needs nothing from npm.
export type Child = VNode | string | number | boolean | null | undefined | Child[];
export interface VNode { readonly type: unknown; readonly props: Record<string, any>; readonly key: unknown }
export type Ref<T> = { current: T };
export type View<P> = (props: P) => Child;
export function h(type: string | View<any>, props?: Record<string, any> | null, ...children: Child[]): VNode;
export function html(strings: TemplateStringsArray, ...values: unknown[]): VNode;
export function render(node: Child, parent: Element): void;
export const Fragment: View<{ children?: Child }>;
export interface Context<T> { Provider: View<{ value: T; children?: Child }> }
export function createContext<T>(value: T): Context<T>;
export class Component<P = {}, S = {}> {
  constructor(props: P);
  props: P & { children?: Child };
  state: S;
  setState(state: Partial<S> | ((state: S) => Partial<S>)): void;
  render(props: P & { children?: Child }, state: S): Child;
}
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((last: T) => T)) => void];
export function useState<T>(): [T | undefined, (next: T | undefined | ((last: T | undefined) => T | undefined)) => void];
export function useReducer<S, A>(reduce: (state: S, action: A) => S, initial: S): [S, (action: A) => void];
export function useRef<T>(initial: T): Ref<T>;
export function useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useLayoutEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useMemo<T>(make: () => T, inputs: readonly unknown[]): T;
export function useCallback<F extends (...given: any[]) => any>(callback: F, inputs: readonly unknown[]): F;
export function useContext<T>(context: Context<T>): T;
