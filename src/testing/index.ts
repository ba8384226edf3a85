/**
 * `hubspot-oauth/testing`: an in-memory HubSpot for tests, and the contract of a store as test cases. Names only.
 */

export { type LoopbackHubSpotEmulator, startHubSpotEmulator, type StartHubSpotEmulatorOptions } from "./emulator/server.js";
export type { AuthorizeDecision } from "./emulator/headless-authorization.js";
export { HubSpotEmulator } from "./emulator/hubspot-emulator.js";
export type { EmulatorClientOptions } from "./emulator/client-options.js";
export type { ConnectableClient, ConnectOptions } from "./emulator/connect-account.js";
export type { ComposedDispatcher, InMemoryDispatcher, OtherDispatcher } from "./emulator/dispatcher.js";
export type { EmulatorDispatcherOptions } from "./emulator/hubspot-door.js";
export type { EmulatorAccountOptions, EmulatorAppOptions, EmulatorPrivateApp, EmulatorUser } from "./emulator/directory-options.js";
export type { EmulatorOptions } from "./emulator/emulator-options.js";
export type { EmulatorSettings, TokenResponseBody } from "./emulator/emulator-settings.js";
export type { EmulatorLimits, EmulatorRateLimit, EmulatorTier } from "./emulator/rate-limits.js";
export type { EmulatorSnapshot } from "./emulator/emulator-snapshot.js";
export type { CrmSnapshot } from "./emulator/crm-snapshot.js";
export type { AppWebhooks, WebhookSettings, WebhookSubscription } from "./emulator/app-webhooks.js";
export type { EmulatorAccount, EmulatorApp } from "./emulator/directory.js";
export type { Associations, AssociationType, RecordEnd } from "./emulator/associations.js";
export type { CrmCollection, CrmRecord, PropertyValues } from "./emulator/crm-collection.js";
export type { AssociationSeed, CrmSeed, CustomObjectSeed } from "./emulator/crm-seed.js";
export type { CrmStore, EngagementRecord } from "./emulator/crm-store.js";
export type { SignableRequest, SignatureVersion as EmulatorSignatureVersion } from "./emulator/request-signing.js";
export type { WebhookAnswer, WebhookDeliveryOptions, WebhookEvent } from "./emulator/webhook-delivery.js";
export type { CrmObjectType, CustomObjectOptions } from "./emulator/object-types.js";
export type { AccessToken as EmulatorAccessToken, Grant as EmulatorGrant } from "./emulator/state.js";
export type { Delivery, EmulatorRequest, EmulatorResponse, StartTimer } from "./emulator/messages.js";
export type { Fault } from "./emulator/fault.js";
export type { FaultKind } from "./emulator/fault-kinds.js";
export type { FaultParameter } from "./emulator/fault-parameters.js";
export type { EmulatorFaults, FaultHandle, FaultRule } from "./emulator/faults.js";
export type { EmulatorRoute, LoggedRequest, RequestMatch, RequestWatcher } from "./emulator/request-log.js";
export type { PendingOverride, ResponseOverride } from "./emulator/response-override.js";

export { type ContractRunner, type ContractSubject, runStateStoreContract, runStoreContract, storeContract } from "./store-contract/run.js";
export { stateStoreContract } from "./store-contract/state-cases.js";
export type { ContractCase, ContractContext, ContractNeed } from "./store-contract/contract-case.js";
