import type {
  AddServiceRequest,
  AddServiceResponse,
  CreateTokenRequest,
  CreateTokenResponse,
  GetNodeRequest,
  GetNodeResponse,
  GetStatusRequest,
  GetStatusResponse,
  GetTokenRequest,
  GetTokenResponse,
  ListNodesRequest,
  ListNodesResponse,
  ListServicesRequest,
  ListServicesResponse,
  ListTokensRequest,
  ListTokensResponse,
  RemoveServiceRequest,
  RemoveServiceResponse,
  RenameNodeRequest,
  RenameNodeResponse,
  RevokeNodeRequest,
  RevokeNodeResponse,
  RevokeTokenRequest,
  RevokeTokenResponse,
  UnregisterNodeRequest,
  UnregisterNodeResponse,
  WatchEventsRequest,
  WatchEventsResponse,
} from '../gen/networkcontroller/v1/admin.js';

/** What the controller answers an admin. Every method throws a `DomainError` with the controller's own code. */
export interface AdminApi {
  getStatus(request: GetStatusRequest): Promise<GetStatusResponse>;
  createToken(request: CreateTokenRequest): Promise<CreateTokenResponse>;
  listTokens(request: ListTokensRequest): Promise<ListTokensResponse>;
  getToken(request: GetTokenRequest): Promise<GetTokenResponse>;
  revokeToken(request: RevokeTokenRequest): Promise<RevokeTokenResponse>;
  listNodes(request: ListNodesRequest): Promise<ListNodesResponse>;
  getNode(request: GetNodeRequest): Promise<GetNodeResponse>;
  renameNode(request: RenameNodeRequest): Promise<RenameNodeResponse>;
  unregisterNode(request: UnregisterNodeRequest): Promise<UnregisterNodeResponse>;
  revokeNode(request: RevokeNodeRequest): Promise<RevokeNodeResponse>;
  addService(request: AddServiceRequest): Promise<AddServiceResponse>;
  listServices(request: ListServicesRequest): Promise<ListServicesResponse>;
  removeService(request: RemoveServiceRequest): Promise<RemoveServiceResponse>;
  watchEvents(request: WatchEventsRequest): AsyncIterable<WatchEventsResponse>;
}
